/** A way to reach what must not be reached. PORT is where a server listens; `answers` is what the URL's name resolves to. */
export interface Form { readonly url: string, readonly answers?: readonly string[] }

const literal = (...hosts: string[]): Form[] => hosts.map(host => ({ url: `https://${host}:PORT/` }))
const named = (...lists: string[][]): Form[] => lists.map((answers, index) => ({ url: `https://n${index}.example.com:PORT/`, answers }))

/** IPv4, in every notation that a URL parser or a resolver is known to take. */
const ipv4 = literal(
  '127.0.0.1', '127.1', '127.0.1', '127.255.255.254', '2130706433', '017700000001', '0x7f000001', '0x7f.1', '0x7F.0x0.0x0.0x1', '0177.0.0.1', '0177.1', '127.0.0.1.', '0', '0.0.0.0', '0x0',
  '%31%32%37.0.0.1', '127%2e0%2e0%2e1', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '169.254.1.1', '169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376',
  '168.63.129.16', '100.100.100.200', '192.0.0.192', '192.0.2.1', '198.18.0.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255')

const ipv6 = literal(
  '[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[0000:0000:0000:0000:0000:0000:0000:0001]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:a9fe:a9fe]', '[::127.0.0.1]', '[::7f00:1]',
  '[64:ff9b::127.0.0.1]', '[64:ff9b::a9fe:a9fe]', '[64:ff9b:1::127.0.0.1]', '[2002:7f00:1::]', '[2002:a9fe:a9fe::1]', '[2001:0:7f00:1::]', '[2001:0:808:808::80ff:fffe]', '[2606:4700::5efe:7f00:1]',
  '[2606:4700::200:5efe:a00:1]', '[fe80::1]', '[fec0::1]', '[fc00::1]', '[fd00::1]', '[fd00:ec2::254]', '[ff02::1]', '[2001:db8::1]', '[3fff::1]', '[100::1]', '[5f00::1]', '[4000::1]')

/** Texts that no URL parser should take, or that parsers read in two ways. */
export const malformed: readonly string[] = [
  'https://[fe80::1%25lo]:PORT/', 'https://[fe80::1%lo]:PORT/', 'https://[::1%00]:PORT/', 'https://127.0.0.1.5:PORT/', 'https://256.0.0.1:PORT/', 'https://0x100000000:PORT/', 'https://[::1:PORT/', 'https://::1/',
  'https:///127.0.0.1:PORT/', 'https://', '', '//127.0.0.1:PORT/', '127.0.0.1:PORT', 'https:127.0.0.1', 'https:\\\\127.0.0.1:PORT\\', 'https://example.com\\@127.0.0.1:PORT/', 'https://exam\tple.com/', 'https://example.com/\r\nx: y', ' https://example.com/', 'https://example.com/a b'
]

const names = [
  ...named(['127.0.0.1'], ['10.1.2.3'], ['169.254.169.254'], ['168.63.129.16'], ['0.0.0.0'], ['::1'], ['::'], ['::ffff:127.0.0.1'], ['::ffff:7f00:1'], ['64:ff9b::7f00:1'], ['2002:7f00:1::'],
    ['2001:0:7f00:1::'], ['fe80::1%lo'], ['fd00:ec2::254'],
    // mixed: one bad answer among good ones, at every place and in both families
    ['127.0.0.1', '93.184.216.34'], ['93.184.216.34', '127.0.0.1'], ['93.184.216.34', '1.1.1.1', '10.0.0.1', '8.8.8.8'], ['93.184.216.34', '::1'], ['93.184.216.34', '1.1.1.1', '8.8.8.8', '9.9.9.9', '8.8.4.4', '127.0.0.1'], ['not an address']),
  { url: 'https://localhost:PORT/' }, { url: 'https://LOCALHOST:PORT/' }, { url: 'https://a.localhost:PORT/' },
  { url: 'https://localhost.:PORT/', answers: ['127.0.0.1'] }, { url: 'https://internal-name:PORT/', answers: ['10.0.0.1'] }
]

/** Every one of these leads to an address that must not be reached. */
export const forbidden: readonly Form[] = [...ipv4, ...ipv6, ...names]

export const onPort = (url: string, port: number): string => url.replace('PORT', String(port))
