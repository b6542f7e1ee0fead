import { type Engine, startEngine } from '@millrace/embedded'
import { configError, MillraceError } from '@millrace/kernel'
import { nodeLog, nodePorts } from '@millrace/kernel/node'
import { topicConfigTable } from '@millrace/log/internal'
import type { HostPort } from './arguments.ts'
import { naming } from './cluster-choice.ts'
import { logDirectory } from './data-directory.ts'
import { interruption } from './interruption.ts'
import { goOnWithoutReader } from './output-reader.ts'

export interface ServerOptions {
  readonly listen: HostPort
  readonly advertise?: HostPort | undefined
  readonly data: string
  readonly set?: Readonly<Record<string, string>> | undefined
  readonly allowUnauthenticated?: boolean | undefined
}

/** A broker until SIGTERM or Ctrl-C. Says one line on standard output, when clients may come. */
export async function server(options: ServerOptions): Promise<void> {
  refuseStrangers(options)
  goOnWithoutReader()
  const { happened } = interruption()
  const engine = await start(options)
  const { host, port } = engine.listening ?? options.listen
  process.stdout.write(`millrace ready on ${addressText({ host, port })}, data in ${options.data}\n`)
  await happened
  await engine.close()
}

function start({ listen, advertise, data, set = {} }: ServerOptions): Promise<Engine> {
  const ofTopics = new Map(topicConfigTable.flatMap(({ name, serverName }) => [[serverName, name] as const]))
  const given = Object.entries(set)
  const topicDefaults = given.flatMap(([name, value]) => {
    const config = ofTopics.get(name)
    return config === undefined ? [] : [[config, value] as const]
  })
  return naming(() =>
    startEngine({
      directory: logDirectory(data),
      ports: nodePorts({ log: nodeLog({ level: 'warn' }) }),
      settings: Object.fromEntries(given.filter(([name]) => !ofTopics.has(name))),
      log: { topicDefaults: new Map(topicDefaults) },
      listen: { ...listen, advertised: advertise },
    }),
  )
}

/** Whoever reaches the port reads and writes everything: this machine only, unless somebody says so. @throws CONFIG */
function refuseStrangers({ listen, advertise, allowUnauthenticated = false }: ServerOptions): void {
  if (!allowUnauthenticated && !isLoopback(listen.host)) {
    throw new MillraceError('CONFIG', 'other machines could reach it, and clients are not authenticated', {
      place: '--listen',
      value: addressText(listen),
      fix: `Listen on 127.0.0.1:${listen.port}, or say --allow-unauthenticated.`,
    })
  }
  if ((listen.host === '0.0.0.0' || listen.host === '::') && advertise === undefined) {
    throw configError('--listen', 'no client can dial it', addressText(listen), 'Say --advertise HOST:PORT too.')
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function addressText({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
