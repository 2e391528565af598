// Which folder may import which: docs/architecture.md. Type-only imports count, unless a rule says otherwise.
const nobody = (name, to, from, comment) => ({ name, severity: 'error', comment, from, to })

module.exports = {
  forbidden: [
    nobody('no-circular', { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }, {}, 'Two files that need each other are one file, or lack a third.'),
    nobody('no-missing', { couldNotResolve: true, pathNot: '^fastify/types/' }, {}, 'The file or package does not exist. (Fastify has types without a program beside them.)'),
    nobody('domain-imports-nothing', { path: '.', pathNot: '^lib/(domain|contracts)/' }, { path: '^lib/domain/' }, 'Pure rules; workflows run them.'),
    nobody('domain-takes-types-of-contracts', { path: '^lib/contracts/', dependencyTypesNot: ['type-only'] }, { path: '^lib/domain/' }, 'Types only.'),
    nobody('workflows-import-domain', { path: '^(api|worker|local|test|bench|prisma)/' }, { path: '^workflows/' }, 'Workflows are deterministic.'),
    nobody('workflows-take-types', { path: '^(activities|lib)/', pathNot: '^lib/domain/', dependencyTypesNot: ['type-only'] }, { path: '^workflows/' }, 'Only types of activities and contracts.'),
    nobody('workflows-without-node', { dependencyTypes: ['core'] }, { path: '^workflows/' }, 'Workflows are deterministic: no I/O, no clock, no environment.'),
    nobody('activities-import-lib', { path: '^(api|workflows|worker|local|test|bench)/' }, { path: '^activities/' }, 'Activities know lib only.'),
    nobody('lib-imports-lib', { path: '^(api|workflows|activities|worker|local|test|bench)/' }, { path: '^lib/' }, 'lib knows nobody above it.'),
    nobody('api-imports-lib-and-workflows', { path: '^(activities|worker|local|test|bench)/' }, { path: '^api/' }, 'The api starts and signals workflows; it does no work of theirs.'),
    nobody('worker-imports-activities-and-lib', { path: '^(api|local|test|bench)/' }, { path: '^worker/' }, 'The worker wires activities.'),
    nobody('simulator-is-apart', { path: '^(?!local/simulator/|node_modules/)', dependencyTypesNot: ['core'] }, { path: '^local/simulator/' }, 'It stands for the outside world.'),
    nobody('local-is-outside', { path: '^(api|activities|workflows|worker|test|bench)/' }, { path: '^local/' }, 'local starts programs; it does not import them.'),
    nobody('nobody-imports-tests', { path: '^test/' }, { pathNot: '^(test|bench)/' }, 'Test code stays in tests.')
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^prisma/generated/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'], extensions: ['.ts', '.js', '.mjs'] }
  }
}
