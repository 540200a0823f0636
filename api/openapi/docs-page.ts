import { dirname } from 'node:path'
import { createRequire } from 'node:module'
import { Router } from 'express'

/**
 * Swagger UI fills each field with an example, made up where there is none, and sends what is in a field; it even sends empty ones
 * unless a box below each is unticked. In this page's copy of the document whatever may be left out has an empty example, and
 * the boxes are gone: what is not touched is not sent.
 */
const script = `const untouchedFieldsAreNotSent = () => ({
  components: { ParameterIncludeEmpty: () => null },
  statePlugins: { spec: { wrapActions: { updateJsonSpec: (update) => (document) => {
    const { properties, required } = document.components.schemas.VideoOrder
    for (const [name, property] of Object.entries(properties)) {
      if (required.includes(name)) continue
      const [example] = property.examples ?? []
      if (example !== undefined) property.description += ' Example: \`' + example + '\`.'
      delete property.examples
      property.example = ''
    }
    return update(document)
  } } } },
})
window.onload = () => SwaggerUIBundle({
  url: '../openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  plugins: [untouchedFieldsAreNotSent],
})
`
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Text2Video API</title>
<link rel="icon" href="favicon-32x32.png">
<link rel="stylesheet" href="swagger-ui.css">
<div id="docs"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="start.js"></script>
</html>
`

/** Everything comes from here; inline styles are what Swagger UI draws its arrows with. */
const policy = [
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
].join('; ')

/**
 * GET /docs/: Swagger UI over /openapi.json, from the installed package, so that it works without the internet. Its addresses are
 * relative to a path that ends in a slash, to which / and /docs lead: so it works under a proxy's path prefix, which nothing here
 * knows.
 */
export function docsPage(): Router {
  const assets = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  const router = Router({ strict: true })
  router.get(['/', '/docs'], (_req, res) => {
    res.redirect('docs/')
  })
  router.use('/docs/', (_req, res, next) => {
    res.set('content-security-policy', policy)
    next()
  })
  router.get('/docs/', (_req, res) => {
    res.type('html').send(page)
  })
  router.get('/docs/start.js', (_req, res) => {
    res.type('js').send(script)
  })
  for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']) {
    router.get(`/docs/${name}`, (_req, res) => {
      res.sendFile(name, { root: assets, maxAge: '1h' })
    })
  }
  return router
}
