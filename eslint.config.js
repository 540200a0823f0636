// About ten rules that need types; Biome does the formatting (each rule here was seen to catch a planted mistake).
import tseslint from 'typescript-eslint'

/** `outside` is the way out of workflows/, as it is written in its files and in its rooms. */
const onlyTypesFrom = (outside) => ({
  patterns: [
    { group: ['node:*'], message: 'workflow code is deterministic: no Node built-ins' },
    { group: [outside], allowTypeImports: true, message: 'workflow code imports only types from outside its folder' },
  ],
})

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'gaudi-runner/generated', '.data', 'examples/clients'] },
  {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    plugins: { ts: tseslint.plugin },
    rules: {
      'ts/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: 'test', package: 'node:test' }] },
      ],
      'ts/no-misused-promises': 'error',
      'ts/await-thenable': 'error',
      'ts/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: false }],
      'ts/only-throw-error': 'error',
      'ts/no-explicit-any': 'error',
      'ts/no-non-null-assertion': 'error',
      'no-async-promise-executor': 'error',
      'max-lines': ['error', 250],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: ['infra/program/settings.ts', 'test/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'settings are read once, in infra/program/settings.ts' },
      ],
    },
  },
  {
    files: ['workflows/*.ts'],
    rules: { 'ts/no-restricted-imports': ['error', onlyTypesFrom('../*')] },
  },
  {
    files: ['workflows/*/*.ts'],
    rules: { 'ts/no-restricted-imports': ['error', onlyTypesFrom('../../*')] },
  },
  { files: ['test/**/*.ts'], rules: { 'ts/no-explicit-any': 'off', 'max-lines': ['error', 400] } },
)
