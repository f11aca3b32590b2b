// Environment: ISSUER (http://localhost:9400), RESOURCE (http://localhost:9441/mcp: its identifier as registered), PORT (9441).
import { routes } from './server.js'

const { ISSUER = 'http://localhost:9400', RESOURCE = 'http://localhost:9441/mcp', PORT = '9441' } = process.env
routes(ISSUER, RESOURCE).listen(Number(PORT), 'localhost', () => { console.log(RESOURCE) })
