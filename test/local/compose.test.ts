import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { loadConfig } from '../../lib/config.ts'

// What can be known of docker-compose.yml and the Dockerfile without a container engine.

interface Service {
  image: string
  command?: string[]
  environment?: Record<string, string>
  ports?: string[]
  depends_on?: Record<string, { condition: string }>
  healthcheck?: { test: string[] }
  volumes?: string[]
}

const root = join(import.meta.dirname, '..', '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const composeText = read('docker-compose.yml')
const compose = parse(composeText, { merge: true }) as { services: Record<string, Service>, volumes: Record<string, unknown> }
const services = Object.entries(compose.services)
const ours = ['api', 'worker', 'migrate', 'simulator']

/** Every variable that loadConfig asks for. */
function configVariables (): Set<string> {
  const names = new Set<string>()
  loadConfig(new Proxy({}, { get: (_, name) => { names.add(String(name)) } }))
  return names
}

/** Fills in ${NAME…} as compose does. */
function interpolate (text: string, values: Record<string, string>): string {
  return text.replace(/\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}/g, (_, name: string, fallback?: string) => values[name] || fallback || '')
}

test('compose has all processes and engines, each with an image of one version', t => {
  t.deepEqual(Object.keys(compose.services).sort(), ['api', 'migrate', 'postgres', 's3', 'simulator', 'temporal', 'temporal-namespace', 'temporal-schema', 'temporal-ui', 'worker'])
  for (const [name, { image }] of services) t.regex(image, /^[\w/]+(-[\w]+)*(\/[\w-]+)?:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/, name)
  t.is(new Set(ours.map(name => compose.services[name]?.image)).size, 1)
})

test('compose starts programs that exist, and that the image contains', t => {
  const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(match => match[1]?.split(' ') ?? [])
  const sent = read('.dockerignore').split('\n').filter(line => line.startsWith('!')).map(line => line.slice(1))
  const within = (path: string, places: string[]): boolean => places.some(place => path === place || path.startsWith(`${place}/`))
  const programs = ours.map(name => compose.services[name]?.command?.at(-1) ?? '')
  t.deepEqual(programs, ['dist/api/server.js', 'dist/worker/main.js', 'local/migrate.ts', 'local/simulator/server.ts'])
  t.true(read('Dockerfile').includes('COPY --from=build /app/dist dist\n'), 'what is compiled there')
  const sources = programs.map(path => path.replace(/^dist\/(.*)\.js$/, '$1.ts'))
  for (const path of [...sources, 'tsconfig.build.json', 'local/prepare.ts', 'local/create-key.ts', 'local/generate-client.mjs', 'prisma/migrations', 'lib', 'workflows', 'activities', 'package-lock.json']) {
    t.true(existsSync(join(root, path)), path)
    t.true(within(path, copied), `${path} is copied`)
    t.true(within(path, sent), `${path} is sent to the build`)
  }
  t.is(compose.services.api?.command?.join(' '), [...read('Dockerfile').matchAll(/^CMD (.+)$/gm)].map(match => (JSON.parse(match[1] ?? '') as string[]).join(' ')).at(-1))
})

test('compose sets no variable that the configuration does not know, and the values pass its checks', t => {
  const known = configVariables()
  for (const name of ['api', 'worker', 'migrate']) {
    const environment = compose.services[name]?.environment ?? {}
    t.deepEqual(Object.keys(environment).filter(variable => !known.has(variable)), [], name)
    const values = { POSTGRES_PASSWORD: 'p', S3_SECRET_KEY: 's', SIRA_ADMIN_KEY: 'k' }
    const config = loadConfig(Object.fromEntries(Object.entries(environment).map(([variable, value]) => [variable, interpolate(value, values)])))
    t.is(config.databaseUrl, 'postgresql://sira:p@postgres:5432/sira')
    t.is(config.temporalAddress, 'temporal:7233')
    t.deepEqual(config.s3, { endpoint: 'http://s3:7070', accessKey: 'sira', secretKey: 's', bucket: 'sira', region: 'us-east-1' })
    t.is(config.configFile, null)
  }
  t.is(compose.services.api?.environment?.HOST, '0.0.0.0')
})

test('compose takes every secret from .env and has no value of its own for it', t => {
  const used = new Set([...composeText.matchAll(/(?<!\$)\$\{(\w+)(.*?)\}/g)].map(match => match[1]))
  const example = new Map(read('.env.example').split('\n').filter(line => /^\w+=/.test(line)).map(line => line.split('=') as [string, string]))
  t.deepEqual([...example.keys()].sort(), [...used].sort())
  for (const name of ['POSTGRES_PASSWORD', 'S3_SECRET_KEY', 'SIRA_ADMIN_KEY']) {
    t.is(example.get(name), '')
    const uses = [...composeText.matchAll(new RegExp(`\\$\\{${name}(.*?)\\}`, 'g'))].map(match => match[1])
    t.true(uses.length > 0 && uses.every(rest => rest?.startsWith(':?')), name)
  }
  for (const [name, { environment = {} }] of services) {
    for (const [variable, value] of Object.entries(environment)) {
      if (/PASSWORD|PWD|SECRET|ADMIN_KEY/.test(variable)) t.regex(value, /^\$\{\w+:\?/, `${name} ${variable}`)
    }
  }
})

test('compose waits for what exists, publishes on this machine only and checks the health of what serves', t => {
  for (const [name, { ports = [], depends_on: needs = {}, volumes = [] }] of services) {
    for (const port of ports) t.regex(port, /^127\.0\.0\.1:/, name)
    for (const [other, { condition }] of Object.entries(needs)) {
      t.truthy(compose.services[other], `${name} needs ${other}`)
      if (condition === 'service_healthy') t.truthy(compose.services[other]?.healthcheck, `${other} has a health check`)
    }
    for (const volume of volumes) t.true(volume.startsWith('./') || (volume.split(':')[0] ?? '') in compose.volumes, volume)
  }
  for (const name of ['api', 'postgres', 's3', 'temporal']) t.truthy(compose.services[name]?.healthcheck, name)
})

test('the image runs as a user without rights and holds no secret', t => {
  const dockerfile = read('Dockerfile')
  const [, last = ''] = dockerfile.split(/^FROM .*$/m).slice(1)
  t.regex(last, /^USER node$/m)
  t.true(last.indexOf('USER node') < last.indexOf('CMD'))
  t.notRegex(dockerfile.replace(/^#.*$/gm, ''), /\.env|\.sira|ARG|password|secret|_key/i)
  t.true(read('.dockerignore').startsWith('*\n'), 'only what is named is sent to the build')
})
