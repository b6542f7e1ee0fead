import { configError, MillraceError, nearest } from '@millrace/kernel'
import type { ListenerSettingName, ListenerSettings, Settings } from '../settings.ts'

const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
/** What a listener speaks, by Kafka's names. */
export type SecurityProtocol = (typeof protocols)[number]

interface Address {
  readonly host: string
  readonly port: number
}

/** One port, as a user asks for it without saying more. */
export interface Listen {
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** Under which address clients reach it, where it is not that. */
  readonly advertised?: { readonly host: string; readonly port?: number | undefined } | undefined
}

/** One listener, all of it checked. */
export interface ListenerPlan extends Address {
  readonly name: string
  readonly protocol: SecurityProtocol
  readonly advertised: { readonly host: string; readonly port?: number | undefined } | undefined
}

const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::', ''])

/**
 * The listeners that settings, or one `listen`, ask for. Nothing is opened yet.
 *
 * @throws CONFIG for what contradicts itself, for a host that no client can dial without one to advertise, and for a
 *   port that other machines reach without a login, unless `allow.unauthenticated.listeners`
 */
export function planListeners(settings: Settings, listen?: Listen): ListenerPlan[] {
  if (listen !== undefined && settings.listeners !== '') {
    throw configError('listeners', 'is given, and so is a port to listen on', settings.listeners, 'Say one of them.')
  }
  const own =
    listen === undefined
      ? endpointsIn(settings.listeners, 'listeners')
      : new Map([['PLAINTEXT', { host: listen.host ?? '127.0.0.1', port: listen.port ?? 9092 }]])
  const advertised = endpointsIn(settings['advertised.listeners'], 'advertised.listeners')
  const map = protocolMap(settings)
  checkNames(advertised.keys(), own, 'advertised.listeners')
  checkNames(settings.ofListener.keys(), own, 'listener.name')
  if (settings['inter.broker.listener.name'] !== '') {
    checkNames([settings['inter.broker.listener.name']], own, 'inter.broker.listener.name')
  }
  const plans = [...own].map(([name, { host, port }]): ListenerPlan => {
    const protocol = map.get(name) ?? protocols.find((known) => known === name)
    if (protocol === undefined) {
      const fix = `Add ${name}:SASL_SSL, or another protocol, to listener.security.protocol.map.`
      throw configError('listeners', 'names a listener whose protocol is not known', name, fix)
    }
    return { name, protocol, host, port, advertised: listen?.advertised ?? advertised.get(name) }
  })
  for (const plan of plans) checkPlan(plan, settings, listen === undefined ? 'listeners' : 'listen')
  return plans
}

/** A setting as it holds for one listener. */
export function settingOf<K extends ListenerSettingName>(
  settings: Settings,
  listener: string,
  name: K,
): ListenerSettings[K] {
  const own: Partial<ListenerSettings> | undefined = settings.ofListener.get(listener.toLowerCase())
  const common: ListenerSettings = settings
  return own?.[name] ?? common[name]
}

/** Whether only programs of this machine reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function checkPlan(plan: ListenerPlan, settings: Settings, place: string): void {
  const { name, protocol, host, port, advertised } = plan
  const where = `${name}://${host.includes(':') ? `[${host}]` : host}:${port}`
  const certified = protocol === 'SSL' && settingOf(settings, name, 'ssl.client.auth') === 'required'
  const isOpen = !protocol.startsWith('SASL') && !certified && !isLoopback(host)
  if (isOpen && !settings['allow.unauthenticated.listeners']) {
    throw new MillraceError('CONFIG', 'other machines could reach it, and clients are not authenticated', {
      place,
      value: where,
      fix:
        'Listen on 127.0.0.1, use SASL_SSL, or say allow.unauthenticated.listeners=true ' +
        '(--allow-unauthenticated on the command line).',
    })
  }
  if (everywhere.has(host) && advertised === undefined) {
    const fix = `Say under which name they reach it: advertised.listeners=${name}://NAME:PORT (--advertise NAME:PORT).`
    throw configError(place, 'no client can dial it', where, fix)
  }
}

function endpointsIn(text: string, setting: string): Map<string, Address> {
  const endpoints = new Map<string, Address>()
  for (const part of parts(text)) {
    const match = /^([A-Za-z0-9_-]+):\/\/(?:\[([^\]]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(part)
    const port = Number(match?.[4])
    if (match === null || port > 65_535) {
      throw configError(
        setting,
        'is written NAME://HOST:PORT, commas between several',
        part,
        'As SASL_SSL://0.0.0.0:9093.',
      )
    }
    const name = match[1]!.toUpperCase()
    if (endpoints.has(name)) throw configError(setting, 'names a listener twice', name)
    endpoints.set(name, { host: match[2] ?? (match[3] === '' ? '0.0.0.0' : match[3]!), port })
  }
  return endpoints
}

function protocolMap(settings: Settings): Map<string, SecurityProtocol> {
  const setting = 'listener.security.protocol.map'
  return new Map(
    parts(settings[setting]).map((part) => {
      const [name = '', protocol = ''] = part.split(':').map((text) => text.trim().toUpperCase())
      const known = protocols.find((one) => one === protocol)
      if (known !== undefined && name !== '') return [name, known]
      throw configError(setting, 'is written NAME:PROTOCOL', part, `Protocols are ${protocols.join(', ')}.`)
    }),
  )
}

function checkNames(names: Iterable<string>, listeners: ReadonlyMap<string, unknown>, setting: string): void {
  const known = [...listeners.keys()]
  for (const name of names) {
    if (listeners.has(name.toUpperCase())) continue
    const near = nearest(name.toUpperCase(), known)
    const fix = near === undefined ? `There are: ${known.join(', ') || 'none'}.` : `Did you mean ${near}?`
    throw configError(setting, 'is about a listener that does not exist', name, fix)
  }
}

function parts(text: string): string[] {
  return text === '' ? [] : text.split(',').map((part) => part.trim())
}
