import neostandard from 'neostandard'
import tseslint from 'typescript-eslint'

export default [
  { ignores: ['node_modules/', 'dist/', '.sira/', 'prisma/generated/'] },
  ...neostandard({ ts: true }),
  {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      'no-void': ['error', { allowAsStatement: true }],
      '@stylistic/object-property-newline': 'off'
    }
  },
  {
    // Workflows are replayed from their history: whatever differs between two runs breaks them.
    files: ['workflows/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ group: ['node:*'], message: 'No I/O, no clock, no environment here: use an activity.' }] }],
      'no-restricted-globals': ['error', 'process', 'fetch']
    }
  }
]
