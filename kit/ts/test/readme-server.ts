import { Api } from '../src/index.js'
import { start } from '../src/test.js'

export const id = await start(`
users:     [{email: ada@example.com, name: Ada Lovelace}]
clients:   [{client_id: app, token_endpoint_auth_method: none, application_type: native,
             redirect_uris: [http://127.0.0.1/callback], scope: notes:read}]
resources: [{identifier: https://notes.example, scopes: [notes:read]}]
tokens:    {access_lifetime: 2s}
`)
const api = new Api(id.issuer, 'https://notes.example')
const { access_token } = await id.token({ scope: 'notes:read' })
const request = new Request('https://notes.example/', { headers: { authorization: `Bearer ${access_token}` } })
export const got = await api.authorize(request, { scopes: ['notes:read'] })
