/**
 * Runs the command in its arguments and kills it as soon as stdin closes: the other end is held by the supervisor alone, so
 * it closes when the supervisor dies, however it dies. For systems without `setpriv` (macOS).
 */
import { spawn } from 'node:child_process'

const [command = '', ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
child.once('error', (error) => {
  console.error(error.message)
  process.exit(127)
})
child.once('exit', (code, signal) => process.exit(code ?? (signal === 'SIGKILL' ? 137 : 143)))
process.on('SIGTERM', () => child.kill('SIGTERM'))
process.on('SIGINT', () => child.kill('SIGINT'))
process.stdin.resume().once('end', () => child.kill('SIGKILL'))
