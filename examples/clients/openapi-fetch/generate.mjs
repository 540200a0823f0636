// Writes text2video.ts, the types of the API, with files as Blob: node generate.mjs http://127.0.0.1:9389/openapi.json
import { writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'
import ts from 'typescript'

const blob = ts.factory.createTypeReferenceNode('Blob')
const types = await openapiTS(new URL(process.argv[2]), {
  transform: ({ format }) => (format === 'binary' ? blob : undefined),
})
writeFileSync('text2video.ts', astToString(types))
