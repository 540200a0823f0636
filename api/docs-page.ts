import { dirname } from 'node:path'
import { createRequire } from 'node:module'
import express, { Router } from 'express'

const script = `window.onload = () => SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true })`
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Text2Video API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
`

/** Everything comes from here; inline styles are what Swagger UI draws its arrows with. */
const policy = [
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
].join('; ')

/** GET /docs: Swagger UI over /openapi.json, from the installed package, so that it works without the internet. */
export function docsPage(): Router {
  const assets = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  const router = Router()
  router.use((_req, res, next) => {
    res.set('content-security-policy', policy)
    next()
  })
  router.get('/', (_req, res) => {
    res.type('html').send(page)
  })
  router.get('/start.js', (_req, res) => {
    res.type('js').send(script)
  })
  for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js']) {
    router.get(`/${name}`, express.static(assets, { index: false, redirect: false, maxAge: '1h' }))
  }
  return router
}
