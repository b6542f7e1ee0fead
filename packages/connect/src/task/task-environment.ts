import { resolve } from 'node:path'
import type { Client } from '@millrace/client'
import type { TaskContext } from '@millrace/connect-api'
import { type Log, type Ports, remedyFor } from '@millrace/kernel'
import type { ConnectorRegistry } from '../config/connector-registry.ts'
import { redacted } from '../config/env-references.ts'
import type { TaskControl } from './task-control.ts'
import type { TaskCounters } from './task-counters.ts'
import type { TaskEvent, TaskSpec } from './task-spec.ts'

/** What a thread gives the tasks that run in it. */
export interface TaskEnvironment {
  readonly client: Client
  readonly ports: Ports
  readonly registry: ConnectorRegistry
}

/** One run of one task. */
export interface TaskRun {
  readonly spec: TaskSpec
  readonly environment: TaskEnvironment
  readonly control: TaskControl
  readonly counters: TaskCounters
  readonly log: Log
  tell(event: TaskEvent): void
}

/** The part of a task's context that sources and sinks share. */
export function taskContextOf(run: TaskRun): TaskContext<unknown> {
  const { spec, environment, control, counters, log } = run
  const { clock, disk, random, metrics } = environment.ports
  return {
    connector: spec.connector,
    task: spec.task,
    config: spec.config,
    clock,
    disk,
    random,
    metrics,
    log,
    signal: control.signal,
    exactlyOnce: isExactlyOnce(spec),
    progress: {
      report(done, total = -1) {
        counters.set('done', done)
        counters.set('total', total)
      },
    },
    resolvePath: (path) => resolve(spec.baseDirectory, path),
  }
}

/** A log that lets no secret through, in message or text fields. */
export function redactingLog(log: Log, secrets: readonly string[]): Log {
  if (secrets.length === 0) return log
  const clean = (value: unknown): unknown => (typeof value === 'string' ? redacted(value, secrets) : value)
  const cleanAll = (fields: Readonly<Record<string, unknown>> | undefined) =>
    fields && Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, clean(value)]))
  return {
    debug: (message, fields) => log.debug(redacted(message, secrets), cleanAll(fields)),
    info: (message, fields) => log.info(redacted(message, secrets), cleanAll(fields)),
    warn: (message, fields) => log.warn(redacted(message, secrets), cleanAll(fields)),
    error: (message, fields) => log.error(redacted(message, secrets), cleanAll(fields)),
    child: (fields) => redactingLog(log.child(cleanAll(fields) ?? {}), secrets),
  }
}

/** Whether trying the same again later may help. */
export function isRetriable(error: unknown): boolean {
  const remedy = remedyFor(error)
  return remedy === 'retry' || remedy === 'refresh-metadata'
}

/** Whether a crash may neither lose nor repeat what the task writes. */
export function isExactlyOnce(spec: TaskSpec): boolean {
  return spec.config['exactly.once.support'] === 'required'
}

/** A number option that validation has passed. */
export function numberOption(spec: TaskSpec, name: string): number | undefined {
  const value = spec.config[name]
  return typeof value === 'number' ? value : undefined
}

export function textOption(spec: TaskSpec, name: string): string | undefined {
  const value = spec.config[name]
  return typeof value === 'string' ? value : undefined
}
