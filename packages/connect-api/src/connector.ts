import type { Disk } from '@millrace/kernel'
import { configError } from '@millrace/kernel'
import type { ConfigProblem, ConfigSchema, RawConfig } from './config-schema.ts'
import type { SinkContext, SinkTask } from './sink.ts'
import type { SourceContext, SourceTask } from './source.ts'

/** A name under which Kafka Connect knows the same connector, and what its options are called here. */
export interface ConnectorAlias {
  /** `connector.class`: the full Java name; its last part is accepted as well. */
  readonly className: string
  /** Options of ours by the alias's names. What is not listed keeps its name. */
  readonly options: Readonly<Record<string, string>>
  /** Options added where not given. */
  readonly defaults?: RawConfig | undefined
}

/** What a check before the start may look at. */
export interface CheckContext {
  readonly disk: Disk
  resolvePath(path: string): string
}

interface ConnectorBase<C> {
  /** Short name, `file-source`. */
  readonly name: string
  readonly version?: string | undefined
  readonly aliases?: readonly ConnectorAlias[] | undefined
  readonly config: ConfigSchema
  /** Finds what the schema cannot: options that contradict each other, a missing file. All problems at once. */
  check?(config: C, context: CheckContext): readonly ConfigProblem[]
}

export interface SourceConnector<C = unknown> extends ConnectorBase<C> {
  readonly kind: 'source'
  /** Divides the work into at most `max` configs, one a task. @default one task with the whole config */
  tasks?(config: C, max: number): readonly C[]
  start(context: SourceContext<C>): SourceTask | Promise<SourceTask>
}

export interface SinkConnector<C = unknown> extends ConnectorBase<C> {
  readonly kind: 'sink'
  /**
   * Its tasks can keep the positions of what they wrote with it, in one atomic step, and tell them in `open`: what is
   * given again after a crash is then not written again. They do when `context.exactlyOnce`. @default false
   */
  readonly exactlyOnce?: boolean | undefined
  /** Called once a task; `tasks.max` tasks divide the partitions among themselves. */
  start(context: SinkContext<C>): SinkTask | Promise<SinkTask>
}

export type Connector<C = unknown> = SourceConnector<C> | SinkConnector<C>

const shortName = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/

/**
 * A source connector. `C` is what `config` describes.
 *
 * @throws CONFIG for a name that is not lower case with dashes.
 */
export function defineSource<C>(definition: Omit<SourceConnector<C>, 'kind'>): SourceConnector<C> {
  checkName(definition.name)
  return Object.freeze({ kind: 'source', ...definition })
}

/** A sink connector. `C` is what `config` describes. @throws CONFIG for a name that is not lower case with dashes. */
export function defineSink<C>(definition: Omit<SinkConnector<C>, 'kind'>): SinkConnector<C> {
  checkName(definition.name)
  return Object.freeze({ kind: 'sink', ...definition })
}

function checkName(name: string): void {
  if (shortName.test(name)) return
  throw configError(
    'name',
    'of a connector must be lower case, parts joined by dashes',
    name,
    "For example 'file-source'.",
  )
}
