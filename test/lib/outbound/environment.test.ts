import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import type { PostOutcome } from '../../../lib/outbound/post.ts'
import { createCertificate } from './_certificate.ts'
import { httpAnswer, startReceiver } from './_receiver.ts'

const program = new URL('_post-apart.ts', import.meta.url).pathname
const policy = { allowHttp: true, ports: 'any', allowedNetworks: ['127.0.0.0/8'], denyOwnAddresses: true }

async function postApart (url: string, environment: Record<string, string>, given = policy): Promise<PostOutcome> {
  const argument = JSON.stringify({ url, policy: given, answers: ['127.0.0.1'] })
  const { stdout } = await promisify(execFile)(process.execPath, ['--import=tsx', program, argument], { env: { ...process.env, ...environment } })
  return JSON.parse(stdout)
}

test('a trusted certificate of the right name is accepted with its time told, and of another name it is not, whatever the environment says', async t => {
  const certificate = createCertificate('hooks.example.com')
  let requests = 0
  const server = createServer(certificate, (_request, response) => {
    requests += 1
    response.end('ok')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const directory = mkdtempSync(join(tmpdir(), 'sira-'))
  t.teardown(() => {
    server.close()
    rmSync(directory, { recursive: true })
  })
  const file = join(directory, 'ca.pem')
  writeFileSync(file, certificate.cert)
  const environment = { NODE_EXTRA_CA_CERTS: file, NODE_TLS_REJECT_UNAUTHORIZED: '0' }
  const [right, wrong, untrusted] = await Promise.all([
    postApart(`https://hooks.example.com:${port}/`, environment),
    postApart(`https://other.example.com:${port}/`, environment),
    postApart(`https://hooks.example.com:${port}/`, { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
  ])
  t.like(right, { status: 200, errorClass: null, body: 'ok' })
  t.true(right.timing.tls !== null && right.timing.dns !== null && right.timing.connect !== null)
  t.like(wrong, { status: null, errorClass: 'tls' })
  t.regex(wrong.errorMessage!, /ERR_TLS_CERT_ALTNAME_INVALID/)
  t.regex(untrusted.errorMessage!, /DEPTH_ZERO_SELF_SIGNED_CERT/)
  t.is(requests, 1)
})

test('proxies of the environment are neither used nor a way around', async t => {
  const proxy = await startReceiver(t, '127.0.0.1', socket => { socket.write(httpAnswer('from the proxy')) })
  const receiver = await startReceiver(t, '127.0.0.1', socket => { socket.write(httpAnswer('from the receiver')) })
  const environment: Record<string, string> = { NODE_USE_ENV_PROXY: '1', NO_PROXY: '', no_proxy: '' }
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']) environment[name] = environment[name.toLowerCase()] = `http://127.0.0.1:${proxy.port}`
  const [allowed, refused] = await Promise.all([
    postApart(`http://hooks.example.com:${receiver.port}/`, environment),
    postApart(`http://hooks.example.com:${receiver.port}/`, environment, { ...policy, allowedNetworks: [] })
  ])
  t.is(allowed.body, 'from the receiver')
  t.is(refused.errorClass, 'ssrf_blocked')
  t.is(proxy.connections(), 0)
  t.is(receiver.connections(), 1)
})
