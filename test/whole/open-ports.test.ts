import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ranksFolder } from '../../gaudi-runner/ranks/rank-command.js'
import { root } from '../../infra/local/setup/root.mjs'
import { type OpenPort, openPortsOf } from '../support/open-ports.js'
import { until } from '../support/runner/local-runner.js'
import { processesOf } from '../run/leftovers.js'
import { inFolder } from '../support/runner/runner-process.js'
import { testStack } from '../support/test-stack.js'

/** Every program that listens, on how many ports at most, and a part of its reason in `docs/security.md`. */
const reasons = [
  { program: /dist\/api\/main\.js/, ports: 2, reason: 'the REST API' },
  { program: /dist\/activities\/(videos|media|node)-worker\.js/, ports: 1, reason: 'health and metrics' },
  { program: /dist\/gaudi-runner\/main\.js/, ports: 2, reason: 'the runner' },
  // Two groups of sockets: one for tensors, one for decisions.
  { program: /-m pipeline\.ranks/, ports: 2, reason: 'gloo' },
  // Its console, and S3 at 127.0.0.1 and ::1.
  { program: /minio server/, ports: 3, reason: 'MinIO' },
  // The frontend, the web UI, and what its services open for each other.
  { program: /temporal server start-dev/, ports: 7, reason: 'Temporal' },
]

const loopback = /^(127\.\d+\.\d+\.\d+|::1)$/

test('every port that the stack opens is on loopback and has its reason', { skip: notLinux() }, async () => {
  const { dataDir, apiUrl, temporalAddress, s3, runnerAddresses } = testStack()
  // Another test may just have killed one.
  const allListen = () => reasons.every(({ program }) => portsOfStack(dataDir).some((port) => isOf(port, program)))
  await until('every program to listen', allListen)
  const ports = portsOfStack(dataDir)
  const say = ({ host, port, pid, command }: OpenPort) => `${host}:${port} of ${pid} ${command.slice(0, 120)}`
  assert.deepEqual(ports.filter(({ host }) => !loopback.test(host)).map(say), [])

  const most = (port: OpenPort) => reasons.find(({ program }) => isOf(port, program))?.ports ?? 0
  const tooMany = ports.filter((port) => ports.filter(({ pid }) => pid === port.pid).length > most(port))
  assert.deepEqual(tooMany.map(say), [])

  const addresses = ports.map(({ host, port }) => `${host}:${port}`)
  for (const known of [new URL(apiUrl).host, temporalAddress, new URL(s3.S3_ENDPOINT).host, ...runnerAddresses])
    assert.ok(addresses.includes(known), known)
  const written = readFileSync(join(root, 'docs/security.md'), 'utf8')
  for (const { reason } of reasons) assert.ok(written.includes(reason), `docs/security.md names ${reason}`)
})

test(
  'no port of the runners and ranks takes the value that a torchrun would unpickle',
  { skip: notLinux() },
  async () =>
    inFolder(async (dir) => {
      const { dataDir, pythonPath } = testStack()
      const ports = portsOfStack(dataDir)
        .filter(({ command }) => /pipeline\.ranks|gaudi-runner\/main\.js/.test(command))
        .map(({ port }) => String(port))
      assert.ok(ports.length >= 4)
      const marker = join(dir, 'marker')
      const attack = [join(ranksFolder, 'tests/support/attack_store.py'), marker, ...ports]
      const { stdout } = await promisify(execFile)(pythonPath, attack, { timeout: 120_000 })
      const took = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as number[]
      // Time for it to be read: torchrun looks every 5 s.
      for (let waited = 0; took.length > 0 && waited < 15 && !existsSync(marker); waited += 1) await sleep(1000)
      assert.equal(existsSync(marker), false, 'code of ours was run')
      assert.deepEqual(took, [])
    }),
)

function isOf({ command }: OpenPort, program: RegExp): boolean {
  return program.test(command)
}

/** Tests beside this one start programs of their own, which inherit the folder's name, and the stack's description. */
function portsOfStack(dataDir: string): OpenPort[] {
  const pids = processesOf(dataDir).map((line) => Number.parseInt(line, 10))
  return openPortsOf(pids.filter((pid) => !environmentOf(pid).includes('\0TEST_STACK=')))
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8')
  } catch {
    return '' // it has just ended
  }
}

function notLinux(): string | false {
  return process.platform !== 'linux' && 'only Linux says which process a socket belongs to'
}
