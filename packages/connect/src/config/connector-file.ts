import type { RawConfig } from '@millrace/connect-api'
import { MillraceError } from '@millrace/kernel'

/** A connector as its JSON file or a POST says: `{ "name", "config": { … } }`. */
export interface ConnectorFile {
  readonly name: string
  readonly config: RawConfig
}

/** @throws CONFIG naming `place`, what is wrong and how it should look. */
export function parseConnectorFile(text: string, place: string): ConnectorFile {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MillraceError('CONFIG', `is not JSON: ${reason}`, { place, fix: example, cause })
  }
  return connectorFileOf(parsed, place)
}

/** @throws CONFIG when the value has not the form of a connector file. */
export function connectorFileOf(parsed: unknown, place: string): ConnectorFile {
  if (!isObject(parsed)) throw new MillraceError('CONFIG', 'is no object', { place, fix: example })
  const { name, config } = parsed
  if (typeof name !== 'string' || name === '') {
    throw new MillraceError('CONFIG', 'has no "name" that is text', { place, fix: example })
  }
  if (!isConfig(config)) throw new MillraceError('CONFIG', 'has no "config" that is an object', { place, fix: example })
  return { name, config }
}

const example = 'Write { "name": "airports", "config": { "connector": "file-source", … } }.'

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isConfig(value: unknown): value is RawConfig {
  return isObject(value)
}
