import { type Engine, startEngine } from '@millrace/embedded'
import { configError } from '@millrace/kernel'
import { nodeLog, nodePorts } from '@millrace/kernel/node'
import { type HostPort, hostPort } from './arguments.ts'
import { logDirectory } from './data-directory.ts'
import { naming } from './directory-in-use.ts'
import { interruption } from './interruption.ts'
import { goOnWithoutReader } from './output-reader.ts'
import { readProperties } from './properties-file.ts'
import { usualAddress } from './usual-address.ts'

export interface ServerOptions {
  readonly listen?: HostPort | undefined
  readonly advertise?: HostPort | undefined
  readonly data: string
  readonly config?: string | undefined
  readonly set?: Readonly<Record<string, string>> | undefined
  readonly allowUnauthenticated?: boolean | undefined
}

/** A broker until SIGTERM or Ctrl-C. Says one line on standard output, when clients may come. */
export async function server(given: ServerOptions): Promise<void> {
  const fromFile = given.config === undefined ? {} : readProperties(given.config, '--config')
  const options = { ...given, set: { ...fromFile, ...given.set } }
  goOnWithoutReader()
  const { happened } = interruption()
  const engine = await start(options)
  const where = engine.listeners.map(addressText).join(', ')
  process.stdout.write(`millrace ready on ${where}, data in ${options.data}\n`)
  await happened
  await engine.close()
}

function start(options: ServerOptions): Promise<Engine> {
  const { data, set = {}, allowUnauthenticated = false } = options
  const allowed = allowUnauthenticated ? { 'allow.unauthenticated.listeners': true } : {}
  return naming(() =>
    startEngine({
      directory: logDirectory(data),
      ports: nodePorts({ log: nodeLog({ level: 'warn' }) }),
      settings: { ...set, ...allowed },
      listen: listenOf(options),
    }),
  )
}

/** One port without a login, unless the settings say where to listen. @throws CONFIG when both do */
function listenOf({ listen, advertise, set = {} }: ServerOptions) {
  if (set['listeners'] === undefined) return { ...(listen ?? hostPort(usualAddress)), advertised: advertise }
  if (listen === undefined && advertise === undefined) return undefined
  const fix = 'Say it with --set listeners=… and --set advertised.listeners=… alone.'
  throw configError('--listen', 'says where to listen, and so does --set listeners', set['listeners'], fix)
}

function addressText({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
