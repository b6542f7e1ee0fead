import { configError, nearest } from '@millrace/kernel'
import { checkTopicName } from '../topology/topic-name.ts'
import type { ErrorPolicies, ErrorPolicy, Topology } from '../topology/topology.ts'
import { TopologyBuilder } from '../topology/topology-builder.ts'
import { KStream } from './k-stream.ts'
import type { KTable } from './k-table.ts'
import { addTable, type StoreOptions } from './stores.ts'
import { checkSerde, type Topic } from './topic.ts'

export interface TopologyOptions {
  /** What happens to records that cannot be read, processed or written. @default all 'fail' */
  readonly errors?: Partial<ErrorPolicies> | undefined
  /**
   * Makes up names of stores and repartition topics that are left out. They change when steps are added. @default false
   */
  readonly autoNames?: boolean | undefined
}

/** What a program is given to build with. */
export interface StreamsBuilder {
  /**
   * A stream of a topic's records. A record with a null value (a tombstone) passes `pipe`, `filter`, `mapValues`,
   * `flatMapValues` and `peek` untouched, as they are about values; steps that need one to go on drop it, counted as
   * `null-value`.
   */
  stream<K, V>(topic: Topic<K, V>): KStream<K, V, 'known', 'known'>
  /**
   * The latest value of each key of a topic. Null deletes a key. Records without a key are dropped, counted as
   * `null-key`.
   */
  table<K, V>(topic: Topic<K, V>, options?: StoreOptions): KTable<K, V>
}

const policies: readonly ErrorPolicy[] = ['fail', 'skip', 'dead-letter']
const errorOptions = ['deserialization', 'processing', 'production', 'deadLetterTopic'] as const

/**
 * Builds a topology. `build` runs once, now, and only describes; nothing is read until a runtime or a test driver runs
 * it.
 *
 * @param name the application's id too: group, state directory and internal topics are named after it.
 * @throws CONFIG naming the step, the value and the fix, for whatever could not run.
 */
export function defineTopology(
  name: string,
  build: (builder: StreamsBuilder) => void,
  options: TopologyOptions = {},
): Topology {
  checkOptions(name, options)
  const builder = new TopologyBuilder(name, options.autoNames ?? false)
  build({
    stream: (topic) => new KStream(builder, addSource(builder, topic), topic.key, topic.value, false),
    table: (topic, store) => addTable(builder, addSource(builder, topic), topic.key, topic.value, store),
  })
  return builder.build(resolvePolicies(name, options.errors ?? {}))
}

/** A topic read twice is read once: both share the source. */
function addSource<K, V>(builder: TopologyBuilder, topic: Topic<K, V>): string {
  checkTopicName('topic name', topic?.name)
  checkSerde(`topic ${topic.name} key`, topic.key)
  checkSerde(`topic ${topic.name} value`, topic.value)
  const known = builder.sourceOf(topic.name)
  if (known?.kind === 'source') {
    if (known.keySerde.name === topic.key.name && known.valueSerde.name === topic.value.name) return known.name
    const given = `${topic.key.name}, ${topic.value.name}`
    throw configError(
      `topic ${topic.name}`,
      'is read twice with different serdes',
      given,
      'Read it once and share the stream.',
    )
  }
  return builder.add({
    kind: 'source',
    name: builder.uniqueName(topic.name),
    parents: [],
    topic: { name: topic.name, internal: false },
    keySerde: topic.key,
    valueSerde: topic.value,
  })
}

function resolvePolicies(name: string, given: Partial<ErrorPolicies>): ErrorPolicies {
  const { deserialization = 'fail', processing = 'fail', production = 'fail', deadLetterTopic } = given
  for (const [option, value] of Object.entries({ deserialization, processing, production })) {
    if (!policies.includes(value)) {
      throw configError(`topology ${name} errors.${option}`, `must be one of ${policies.join(', ')}`, value)
    }
    if (value === 'dead-letter' && deadLetterTopic === undefined) {
      const fix = 'Name the topic that takes such records.'
      throw configError(`topology ${name} errors.deadLetterTopic`, `is needed by errors.${option}`, undefined, fix)
    }
  }
  if (deadLetterTopic !== undefined) checkTopicName(`topology ${name} errors.deadLetterTopic`, deadLetterTopic)
  return { deserialization, processing, production, deadLetterTopic }
}

function checkOptions(name: string, options: TopologyOptions): void {
  refuseUnknown(`topology ${name}`, options, ['errors', 'autoNames'])
  refuseUnknown(`topology ${name} errors`, options.errors ?? {}, errorOptions)
}

function refuseUnknown(place: string, given: object, known: readonly string[]): void {
  for (const option of Object.keys(given)) {
    if (known.includes(option)) continue
    const near = nearest(option, known)
    throw configError(
      `${place}.${option}`,
      'is not an option',
      option,
      near === undefined ? undefined : `Did you mean ${near}?`,
    )
  }
}
