import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProgram } from '../../infra/ffmpeg/child-limits.js'
import { FfmpegFailed, runFfmpeg, safeInput } from '../../infra/ffmpeg/ffmpeg.js'
import { connectObjectStore } from '../../infra/s3/s3-object-store.js'
import { testStack } from '../support/test-stack.js'

const { ffmpegPath, s3 } = testStack()
const folder = mkdtempSync(join(tmpdir(), 'text2video-ffmpeg-'))
const file = (name: string) => join(folder, name)
const timeoutMs = 60_000
after(() => rmSync(folder, { recursive: true, force: true }))

const make = (args: string) => execFileSync(ffmpegPath, ['-v', 'error', '-y', ...args.split(' ')], { cwd: folder })
make('-f lavfi -i sine=d=1 voice.wav')
make('-f lavfi -i testsrc=s=64x64:d=1 -i voice.wav -c:v libx264 -c:a aac video.mp4')
const sounds = ['-c:a libmp3lame a.mp3', '-c:a flac a.flac', '-c:a libopus a.ogg', '-c:a aac a.m4a', '-c:a aac a.aac']
for (const sound of sounds) make(`-i voice.wav ${sound}`)
for (const name of ['a.png', 'a.jpg', 'a.webp']) make(`-f lavfi -i testsrc=s=64x64 -frames:v 1 ${name}`)
make('-i video.mp4 -an -c:v magicyuv -f matroska magicyuv.mp4')
make('-f lavfi -i color=s=16000x16000,format=monob -frames:v 1 bomb.png')
writeFileSync(file('hls.mp4'), '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nvideo.mp4\n#EXT-X-ENDLIST\n')
writeFileSync(file('concat.mp4'), 'ffconcat version 1.0\nfile video.mp4\n')
writeFileSync(file('svg.png'), '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')

const decode = (source: string) =>
  runFfmpeg({ ffmpegPath, args: [...safeInput(source, 'any'), '-f', 'null', '-'], timeoutMs })

test('what clients may send is decoded', async () => {
  const names = ['voice.wav', 'video.mp4', 'a.mp3', 'a.flac', 'a.ogg', 'a.m4a', 'a.aac', 'a.png', 'a.jpg', 'a.webp']
  for (const name of names) assert.deepEqual(await decode(file(name)), { stderr: '' }, name)
})

for (const name of ['hls.mp4', 'concat.mp4', 'svg.png', 'magicyuv.mp4', 'bomb.png']) {
  test(`${name} is refused, on disk and behind a URL`, async () => {
    await assert.rejects(decode(file(name)), { name: 'FfmpegFailed', reason: 'refused' })
    await using store = await connectObjectStore(s3)
    const key = `test/${process.pid}/${name}`
    await store.put(key, readFileSync(file(name)), { contentType: 'application/vnd.apple.mpegurl' })
    await assert.rejects(decode(await store.readUrl(key, 60)), { name: 'FfmpegFailed', reason: 'refused' })
    await store.removeAll(key)
  })
}

test('a kind of input refuses the other kinds', async () => {
  const args = [...safeInput(file('video.mp4'), 'picture'), '-f', 'null', '-']
  await assert.rejects(runFfmpeg({ ffmpegPath, args, timeoutMs }), { reason: 'refused' })
})

test('a presigned URL is read, and never shows in an error', async () => {
  await using store = await connectObjectStore(s3)
  const key = `test/${process.pid}/video.mp4`
  await store.put(key, readFileSync(file('video.mp4')))
  const url = await store.readUrl(key, 60)
  assert.deepEqual(await decode(url), { stderr: '' })
  await store.removeAll(key)
  await assert.rejects(decode(url), (error: unknown) => {
    assert.ok(error instanceof FfmpegFailed)
    assert.equal(error.reason, 'interrupted')
    return !error.stderrTail.includes('Signature')
  })
})

for (const how of ['ends', 'breaks', 'is silent before it breaks'] as const) {
  test(`a source that ${how} in the middle of a file is not taken for the file's end`, async () => {
    const bytes = readFileSync(file('voice.wav'))
    await using server = createServer((_req, res) => {
      res.writeHead(200, { 'content-length': bytes.length })
      res.write(bytes.subarray(0, bytes.length / 2), () => {
        if (how === 'ends') res.socket?.end()
        else setTimeout(() => res.socket?.resetAndDestroy(), how === 'breaks' ? 0 : 300)
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const source = `http://127.0.0.1:${(server.address() as AddressInfo).port}/voice.wav`
    await assert.rejects(decode(source), { name: 'FfmpegFailed', reason: 'interrupted' })
  })
}

test('an input is an absolute path or an http(s) URL', () => {
  for (const source of ['video.mp4', 'file:/etc/passwd', 'concat:/a|/b', '-version', 'ftp://host/x', 'data:,x']) {
    assert.throws(() => safeInput(source, 'any'), TypeError, source)
  }
})

test('output goes to a function or a stream, input comes from a stream', async () => {
  const args = [...safeInput(file('voice.wav'), 'audio'), '-f', 's16le', 'pipe:1']
  let bytes = 0
  const count = (chunk: Buffer) => {
    bytes += chunk.length
  }
  await runFfmpeg({ ffmpegPath, args, timeoutMs, stdout: count })
  assert.equal(bytes, 44_100 * 2)

  const chunks: Buffer[] = []
  const stdout = new Writable({ write: (chunk: Buffer, _encoding, done) => (chunks.push(chunk), done()) })
  const raw = ['-f', 's16le', '-ar', '44100', '-ac', '1', '-i', 'pipe:0', '-f', 's16le', 'pipe:1']
  const sound = Buffer.alloc(300_000, 'ab')
  await runFfmpeg({ ffmpegPath, args: raw, timeoutMs, stdin: Readable.from([sound]), stdout })
  assert.ok(Buffer.concat(chunks).equals(sound))
})

test('what a receiver or a source throws is what the run rejects with', async () => {
  const forever = ['-f', 'lavfi', '-i', 'sine', '-f', 's16le', 'pipe:1']
  const refuse = () => {
    throw new Error('the disk is full')
  }
  await assert.rejects(runFfmpeg({ ffmpegPath, args: forever, timeoutMs, stdout: refuse }), /the disk is full/)
  async function* broken() {
    yield Buffer.alloc(1000)
    throw new Error('the source broke')
  }
  const args = ['-f', 's16le', '-ar', '44100', '-ac', '1', '-i', 'pipe:0', '-f', 'null', '-']
  await assert.rejects(runFfmpeg({ ffmpegPath, args, timeoutMs, stdin: Readable.from(broken()) }), /the source broke/)
})

const endless = ['-re', '-f', 'lavfi', '-i', 'sine', '-f', 'null', '-']

test('a run ends with its time, its abort, and its limits', async () => {
  await assert.rejects(runFfmpeg({ ffmpegPath, args: endless, timeoutMs: 300 }), { reason: 'timeout' })
  await assert.rejects(runFfmpeg({ ffmpegPath, args: endless, timeoutMs, signal: AbortSignal.timeout(300) }), {
    reason: 'aborted',
  })
  await assert.rejects(runFfmpeg({ ffmpegPath, args: endless, timeoutMs, signal: AbortSignal.abort() }), {
    reason: 'aborted',
  })
  const still = new Writable({ write() {} })
  const flood = ['-f', 'lavfi', '-i', 'sine', '-f', 's16le', 'pipe:1']
  await assert.rejects(runFfmpeg({ ffmpegPath, args: flood, timeoutMs: 500, stdout: still }), { reason: 'timeout' })
})

const limited = findProgram('prlimit') === undefined ? { skip: 'no prlimit here' } : {}

test('the kernel keeps a run within its file size', limited, async () => {
  const args = ['-f', 'lavfi', '-i', 'sine', '-f', 's16le', file('large.raw')]
  await assert.rejects(runFfmpeg({ ffmpegPath, args, timeoutMs, limits: { fileMiB: 1 } }), { reason: 'refused' })
  assert.ok(readFileSync(file('large.raw')).length <= 2 ** 20)
})

test('the kernel keeps a run within its CPU time', limited, async () => {
  const args = ['-f', 'lavfi', '-i', 'sine', '-f', 'null', '-']
  await assert.rejects(runFfmpeg({ ffmpegPath, args, timeoutMs, limits: { cpuSeconds: 1 } }), { reason: 'refused' })
})

test('a missing ffmpeg is not taken for a bad input', async () => {
  await assert.rejects(runFfmpeg({ ffmpegPath: '/nowhere/ffmpeg', args: [], timeoutMs }), /FFMPEG_PATH/)
})

test('the child sees no environment but the path', async () => {
  const printer = file('printer')
  writeFileSync(printer, '#!/bin/sh\nenv >&2\nexit 1\n', { mode: 0o755 })
  await assert.rejects(runFfmpeg({ ffmpegPath: printer, args: [], timeoutMs }), (error: unknown) => {
    assert.ok(error instanceof FfmpegFailed)
    const names = error.stderrTail.split('\n').map((line) => line.split('=')[0])
    assert.deepEqual(
      names.filter((name) => !['PATH', 'PWD', 'SHLVL', '_', 'OLDPWD'].includes(name ?? '')), // the shell's own
      [],
    )
    return true
  })
})

const pdeathsig = findProgram('setpriv') === undefined ? { skip: 'no setpriv here' } : {}

test('ffmpeg dies with its parent', pdeathsig, async () => {
  const marker = file('orphan.raw')
  const module = new URL('../../infra/ffmpeg/ffmpeg.js', import.meta.url).href
  const args = ['-re', '-f', 'lavfi', '-i', 'sine', '-f', 's16le', '-flush_packets', '1', marker]
  const code = `import { runFfmpeg } from ${JSON.stringify(module)}
    await runFfmpeg(${JSON.stringify({ ffmpegPath, args, timeoutMs })})`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code])
  const running = () => {
    const found = execFileSync('ps', ['-eo', 'args']).toString()
    return found.split('\n').filter((line) => line.includes(marker) && line.includes('-hide_banner')).length
  }
  while (running() === 0) await sleep(50)
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  for (let tries = 0; running() > 0 && tries < 100; tries += 1) await sleep(50)
  assert.equal(running(), 0)
})
