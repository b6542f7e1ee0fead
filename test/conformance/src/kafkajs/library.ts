import * as millrace from '@millrace/kafkajs'
import kafkajs from 'kafkajs'

/** What the cases use of kafkajs: its own names and types, whoever provides them. */
export type Library = Pick<
  typeof kafkajs,
  | 'Kafka'
  | 'logLevel'
  | 'Partitioners'
  | 'PartitionAssigners'
  | 'AssignerProtocol'
  | 'CompressionTypes'
  | 'ConfigResourceTypes'
  | 'KafkaJSError'
  | 'KafkaJSNonRetriableError'
  | 'KafkaJSProtocolError'
  | 'KafkaJSNumberOfRetriesExceeded'
>

/** kafkajs itself, and ours in its place: that ours may stand here is checked by the compiler. */
export const libraries = { kafkajs, millrace } satisfies Readonly<Record<string, Library>>
export type LibraryName = keyof typeof libraries

export function libraryNamed(name: LibraryName): Library {
  return libraries[name]
}
