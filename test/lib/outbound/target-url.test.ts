import test from 'ava'
import { SiraError } from '../../../lib/errors.ts'
import { strictPolicy } from '../../../lib/outbound/outbound-policy.ts'
import type { OutboundPolicy } from '../../../lib/outbound/outbound-policy.ts'
import { checkTarget, checkTargetUrl } from '../../../lib/outbound/target-url.ts'
import { forbidden, malformed, onPort } from './_corpus.ts'

const local: OutboundPolicy = { allowHttp: true, ports: 'any', allowedNetworks: ['127.0.0.0/8'], denyOwnAddresses: true }
const anyPort: OutboundPolicy = { ...strictPolicy, ports: 'any' }
const resolvesTo = (...addresses: string[]) => async () => addresses

const reasonOf = (error: unknown): string => error instanceof SiraError && error.code === 'url_refused' && error.param === 'url' ? String(error.params.reason) : `no refusal: ${String(error)}`
function refusal (url: string, policy: OutboundPolicy = strictPolicy): string | null {
  try {
    checkTargetUrl(url, policy)
    return null
  } catch (error) {
    return reasonOf(error)
  }
}

test('every form of the corpus is refused when it is saved, with a code', async t => {
  t.true(forbidden.length + malformed.length > 100)
  for (const { url, answers = [] } of forbidden) {
    const reason = await checkTarget(onPort(url, 443), strictPolicy, async () => answers).then(() => 'accepted', reasonOf)
    t.regex(reason, /^(ip_literal|host|local_name|forbidden_address)$/, url)
  }
  for (const url of malformed) t.regex(String(refusal(onPort(url, 443))), /^(malformed|host|scheme|ip_literal|credentials)$/, JSON.stringify(url))
})

test('what is refused says why', t => {
  const cases: Array<[reason: string, ...urls: string[]]> = [
    ['too_long', `https://example.com/${'a'.repeat(2_048)}`],
    ['not_ascii', 'https://exämple.com/', 'https://example.com/ü', 'https://127。0。0。1/', 'https://１２７.0.0.1/', 'https://ⓔxample.com/', 'https://ⅼocalhost/', 'https://example.com/\u200b', 'https://loc\u00adalhost/'],
    ['malformed', 'https://exa mple.com/', 'https://example.com:99999/', 'https://example.com\\x/', 'https://1.2.3.4.5/', 'https://[::1/'],
    ['scheme', 'http://example.com/', 'ftp://example.com/', 'file://example.com/etc/passwd', 'gopher://example.com/', 'ws://example.com/', 'javascript://example.com/%0aalert(1)'],
    ['credentials', 'https://user@example.com/', 'https://user:word@example.com/', 'https://@example.com/', 'https://example.com@127.0.0.1/', 'https://example.com%40@127.0.0.1/'],
    ['fragment', 'https://example.com/#', 'https://example.com/#@127.0.0.1/', 'https://example.com#x'],
    ['ip_literal', 'https://127.0.0.1/', 'https://8.8.8.8/', 'https://[2606:4700:4700::1111]/', 'https://2130706433/', 'https://0x7f.1/', 'https://017700000001/', 'https://[::ffff:8.8.8.8]/'],
    ['host', 'https://example.com./', 'https://example.com../', 'https://exam%70le.com/', 'https://a..example.com/', 'https://example.com:0443/', 'https://example.com:/', `https://${'a.'.repeat(130)}com/`],
    ['local_name', 'https://localhost/', 'https://LocalHost/', 'https://a.b.localhost/', 'https://intranet/', 'https://printer.local/', 'https://metadata.google.internal/', 'https://db.corp/', 'https://nas.lan/', 'https://x.home.arpa/'],
    ['port', 'https://example.com:22/', 'https://example.com:6379/', 'https://example.com:80/', 'https://example.com:444/', 'https://example.com:0/']
  ]
  for (const [reason, ...urls] of cases) {
    for (const url of urls) t.is(refusal(url), reason, url)
  }
})

test('plain https URLs with a name are accepted', t => {
  for (const url of ['https://example.com', 'https://EXAMPLE.com/a?b=c%20d&e=%F0%9F%98%80', 'https://example.com:443/', 'https://example.com:8443/x', 'https://xn--bcher-kva.example/', 'https://a_b.example.com/hook', 'HTTPS://example.com/']) {
    t.is(checkTargetUrl(url, strictPolicy).href, new URL(url).href, url)
  }
})

test('an operator\'s policy opens http, ports and the addresses of its networks only', t => {
  for (const url of ['http://127.0.0.1:9000/hook', 'http://127.9.9.9/', 'http://localhost:3000/', 'https://example.com:1234/', 'http://receiver:8080/']) t.is(refusal(url, local), null, url)
  const refused = { 'http://10.0.0.1/': 'ip_literal', 'http://8.8.8.8/': 'ip_literal', 'http://[::1]/': 'ip_literal', 'http://2130706433/': 'ip_literal', 'http://0x7f.1/': 'ip_literal', 'http://127.0.0.1./': 'ip_literal', 'ftp://127.0.0.1/': 'scheme', 'http://u@127.0.0.1/': 'credentials' }
  for (const [url, reason] of Object.entries(refused)) t.is(refusal(url, local), reason, url)
  t.is(refusal('http://169.254.169.254/', { ...local, allowedNetworks: ['0.0.0.0/0'] }), 'ip_literal')
  t.is(refusal('http://localhost/', { ...local, allowedNetworks: ['10.0.0.0/8'] }), 'local_name')
  t.is(refusal('http://[fd00::1]:80/', { ...local, allowedNetworks: ['fd00::/8'], denyOwnAddresses: false }), null)
})

test('a name is accepted when all its addresses are public, and refused when it has none or any other', async t => {
  await t.notThrowsAsync(checkTarget('https://example.com/', strictPolicy, resolvesTo('93.184.216.34', '2606:4700:4700::1111')))
  const reason = async (lookup: () => Promise<string[]>, policy: OutboundPolicy = strictPolicy): Promise<string> => await checkTarget('https://example.com/', policy, lookup).then(() => 'accepted', reasonOf)
  t.is(await reason(resolvesTo('93.184.216.34', '10.0.0.1')), 'forbidden_address')
  t.is(await reason(resolvesTo()), 'unresolvable')
  t.is(await reason(async () => { throw new Error('queryA ENOTFOUND 10.255.255.53') }), 'unresolvable')
  t.is(await reason(resolvesTo('127.0.0.1'), { ...anyPort, allowedNetworks: ['127.0.0.0/8'] }), 'accepted')
})

test('a refusal holds neither the range nor what the resolver said', async t => {
  const error = await t.throwsAsync(checkTarget('https://example.com/', strictPolicy, resolvesTo('10.20.30.40')), { instanceOf: SiraError })
  t.deepEqual(error.params, { reason: 'forbidden_address' })
  t.is(error.message, 'This URL may not be called: forbidden_address.')
})
