import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { acquireCached, type Binary } from '../../../local/engines/acquire.ts'
import { s3Binary } from '../../../local/engines/s3.ts'
import { temporalBinary } from '../../../local/engines/temporal.ts'
import { temporaryFolder } from '../_temporary.ts'

const engine: Binary = { name: 'engine', version: '1.2.3', module: '.', package: 'example.com/engine', usualTime: 'a moment', variable: 'ENGINE_URL' }

// One after the other: they put another `go` first on this process's PATH.
async function withGo (folder: string, script: string, work: () => Promise<void>): Promise<void> {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'go'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(bin, 'go'), 0o755)
  const path = process.env.PATH
  process.env.PATH = `${bin}:${path}`
  try {
    await work()
  } finally {
    process.env.PATH = path
  }
}

test.serial('two starts at once build an engine once, and both wait for it', async t => {
  const folder = temporaryFolder(t)
  const cache = join(folder, 'cache')
  const said: string[] = []
  const go = `echo build >> ${folder}/builds; sleep 0.5; while [ "$1" != -o ]; do shift; done; echo built > "$2"`
  await withGo(folder, go, async () => {
    const paths = await Promise.all([1, 2].map(async () => acquireCached({ ...engine, module: folder }, cache, message => said.push(message))))
    t.deepEqual(paths, Array(2).fill(join(cache, 'engine-1.2.3', 'engine')))
  })
  t.is(readFileSync(join(folder, 'builds'), 'utf8'), 'build\n')
  t.deepEqual(readdirSync(cache), ['engine-1.2.3'])
  t.true(said.some(message => message.includes('usually takes a moment')))
  t.true(said.some(message => message.includes('Waiting for another start')))
})

test.serial('a failed build leaves nothing behind and says what to do', async t => {
  const folder = temporaryFolder(t)
  const cache = join(folder, 'cache')
  await withGo(folder, 'echo "no space left on device" >&2; exit 1', async () => {
    const error = await t.throwsAsync(acquireCached({ ...engine, module: folder }, cache, () => {}))
    t.regex(error?.message ?? '', /engine 1\.2\.3 or newer on PATH, or install Go .* or set ENGINE_URL[^]*no space left on device/)
  })
  t.deepEqual(readdirSync(cache), [])
})

test.serial('without Go the message names the remedies', async t => {
  const folder = temporaryFolder(t)
  const path = process.env.PATH
  process.env.PATH = folder
  try {
    await t.throwsAsync(acquireCached({ ...engine, module: folder }, join(folder, 'cache'), () => {}), { message: /Go cannot be run .*install Go .*ENGINE_URL/ })
  } finally {
    process.env.PATH = path
  }
})

test.serial('a download is preferred to a build', async t => {
  const folder = temporaryFolder(t)
  const download = async (into: string): Promise<string> => {
    writeFileSync(join(into, 'download-1'), 'downloaded')
    return join(into, 'download-1')
  }
  const path = await acquireCached({ ...engine, module: folder, download }, join(folder, 'cache'), () => {})
  t.is(readFileSync(path, 'utf8'), 'downloaded')
})

test('the version in the name of each engine is the one its Go module pins', t => {
  for (const { name, version, module } of [temporalBinary, s3Binary]) {
    const pinned = name === 'temporal' ? 'github.com/temporalio/cli' : 'github.com/versity/versitygw'
    t.true(readFileSync(join(module, 'go.mod'), 'utf8').includes(`${pinned} v${version} `), name)
    t.true(existsSync(join(module, 'go.sum')), name)
  }
})
