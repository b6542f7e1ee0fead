import type { ConfigProblem, Connector, ConnectorAlias, RawConfig } from '@millrace/connect-api'
import { nearest } from '@millrace/kernel'

/** The kinds of connector a runtime has, by short name and by Kafka Connect's class names. */
export class ConnectorRegistry {
  readonly #byName = new Map<string, Connector>()
  readonly #aliases = new Map<string, { readonly connector: Connector; readonly alias: ConnectorAlias }>()

  constructor(connectors: readonly Connector[]) {
    for (const connector of connectors) {
      this.#byName.set(connector.name, connector)
      for (const alias of connector.aliases ?? []) {
        const simple = alias.className.slice(alias.className.lastIndexOf('.') + 1)
        for (const name of [alias.className, simple, simple.replace(/Connector$/, '')]) {
          this.#aliases.set(name, { connector, alias })
        }
      }
    }
  }

  all(): readonly Connector[] {
    return [...this.#byName.values()]
  }

  get(name: string): Connector | undefined {
    return this.#byName.get(name)
  }

  /** The connector a config asks for and the config in its own words, or what is wrong. */
  find(raw: RawConfig): { readonly connector: Connector; readonly config: RawConfig } | ConfigProblem {
    const option = raw['connector'] === undefined ? 'connector.class' : 'connector'
    const name = raw[option]
    const known = [...this.#byName.keys()]
    if (typeof name !== 'string') {
      return { option: 'connector', problem: 'is missing', fix: `Name one of ${known.join(', ')}.` }
    }
    const connector = this.#byName.get(name)
    if (connector !== undefined) return { connector, config: raw }
    const found = this.#aliases.get(name)
    if (found !== undefined) return { connector: found.connector, config: translated(raw, found.alias) }
    const near = nearest(name, [...known, ...this.#aliases.keys()])
    const fix = `${near === undefined ? '' : `Did you mean ${near}? `}Known: ${known.join(', ')}.`
    return { option, problem: 'is no connector here', value: name, fix }
  }
}

function translated(raw: RawConfig, alias: ConnectorAlias): RawConfig {
  const own = Object.entries(raw).map(([option, value]) => [alias.options[option] ?? option, value] as const)
  return { ...alias.defaults, ...Object.fromEntries(own) }
}
