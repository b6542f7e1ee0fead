import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { zipEntries } from './zip-entries.ts'

/** A field as Kafka's own message definitions describe it. */
export interface KafkaField {
  readonly name: string
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly flexibleVersions?: string
  readonly tag?: number
  readonly ignorable?: boolean
  readonly default?: string | number | boolean
  readonly fields?: readonly KafkaField[]
}

export interface KafkaMessage {
  readonly apiKey: number
  readonly type: 'request' | 'response' | 'header' | 'data'
  readonly name: string
  readonly validVersions: string
  readonly flexibleVersions?: string
  readonly fields?: readonly KafkaField[]
  /** Structs that fields name as their type. */
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly KafkaField[] }[]
}

/**
 * Where the `kafka-clients` jar lies whose `common/message/*.json` define the protocol: the path in KAFKA_CLIENTS_JAR,
 * else the newest in Maven's local repository.
 */
export function kafkaClientsJar(): string | undefined {
  const named = process.env['KAFKA_CLIENTS_JAR']
  if (named !== undefined) return named
  const folder = join(homedir(), '.m2/repository/org/apache/kafka/kafka-clients')
  if (!existsSync(folder)) return undefined
  const versions = readdirSync(folder).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  const jars = versions.map((version) => join(folder, version, `kafka-clients-${version}.jar`))
  return jars.find((jar) => existsSync(jar))
}

/** All request and response definitions of a jar, by name: `FetchRequest`. */
export function kafkaMessages(jar: string): Map<string, KafkaMessage> {
  const files = zipEntries(readFileSync(jar), (name) => /^common\/message\/\w+(Request|Response)\.json$/.test(name))
  const messages = new Map<string, KafkaMessage>()
  for (const bytes of files.values()) {
    const text = bytes.toString('utf8').replace(/^\s*\/\/.*$/gm, '')
    const message: KafkaMessage = JSON.parse(text)
    messages.set(message.name, message)
  }
  return messages
}
