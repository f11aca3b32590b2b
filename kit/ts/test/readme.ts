import express from 'express'
import { Api, type Token } from 'signet-kit'
import { requireToken } from 'signet-kit/express'

const api = new Api('https://id.example.com', 'https://api.example.com')
const app = express()
app.get('/notes', requireToken(api, { scopes: ['notes:read'] }), (_req, res) => {
  res.send(`Hello ${(res.locals.token as Token).subject}\n`)
})
app.all(new URL(api.metadataURL).pathname, async (req, res) => {
  const answer = api.metadata(new Request(api.metadataURL, { method: req.method }))
  res.status(answer.status).set(Object.fromEntries(answer.headers)).send(await answer.text())
})
app.listen(9420)
