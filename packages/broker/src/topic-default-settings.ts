import { configError } from '@millrace/kernel'
import {
  type TopicConfigEntry,
  type TopicDefaultName,
  topicConfigProblem,
  topicConfigTable,
} from '@millrace/log/internal'

const hourMs = 3_600_000

/**
 * Kafka's coarser names for defaults in milliseconds (ServerLogConfigs). What is given in the finest unit counts, and
 * Kafka reports the default in the coarsest.
 */
export const coarserSettings = {
  'log.retention.minutes': { of: 'log.retention.ms', unitMs: 60_000, default: null },
  'log.retention.hours': { of: 'log.retention.ms', unitMs: hourMs, default: '168' },
  'log.roll.hours': { of: 'log.roll.ms', unitMs: hourMs, default: '168' },
  'log.roll.jitter.hours': { of: 'log.roll.jitter.ms', unitMs: hourMs, default: '0' },
} as const satisfies Record<string, { of: TopicDefaultName; unitMs: number; default: string | null }>

export type TopicDefaultSetting = TopicDefaultName | keyof typeof coarserSettings

/** A broker-wide setting that gives topics a default, with the text it was given. */
export interface GivenTopicDefault {
  readonly name: string
  readonly value: string
}

const intMax = 2_147_483_647
const byServerName = new Map<string, TopicConfigEntry>(topicConfigTable.map((row) => [row.serverName, row]))

export function isTopicDefault(name: string): name is TopicDefaultSetting {
  return byServerName.has(name) || Object.hasOwn(coarserSettings, name)
}

/** All names of the setting behind a topic config, the one that counts most first. */
export function settingsBehind({ serverName }: Pick<TopicConfigEntry, 'serverName'>): readonly string[] {
  const coarser = Object.entries(coarserSettings).filter(([, { of }]) => of === serverName)
  return [serverName, ...coarser.map(([name]) => name)]
}

/** What Kafka reports where nothing is given: null, or a value under the coarsest name. */
export function usualValue(name: string, row: TopicConfigEntry): string | null {
  const coarser = coarserOf(name)
  if (coarser !== undefined) return coarser.default
  return settingsBehind(row).length > 1 ? null : row.default
}

/**
 * One given default, as the log has it: by the topic config's name, in milliseconds.
 *
 * @throws CONFIG naming the setting
 */
export function readTopicDefault(
  name: TopicDefaultSetting,
  given: unknown,
): { readonly row: TopicConfigEntry; readonly text: string; readonly value: string } {
  const text = String(given).trim()
  const coarser = coarserOf(name)
  const row = byServerName.get(coarser?.of ?? name)
  if (row === undefined) throw new TypeError(`no topic config has the default ${name}`)
  const value = coarser === undefined ? text : inMs(name, text, coarser.unitMs, row)
  const problem = topicConfigProblem(row, value)
  if (problem !== undefined) throw refused(name, text, problem)
  if (row.name === 'retention.ms' && Number(value) === 0) {
    throw refused(name, text, 'It is at least 1, or -1 to keep records for ever.')
  }
  return { row, text, value }
}

function inMs(name: string, text: string, unitMs: number, row: TopicConfigEntry): string {
  if (!/^-?\d+$/.test(text)) throw refused(name, text, 'It is a whole number.')
  const count = Number(text)
  if (count > intMax) throw refused(name, text, `It is at most ${intMax}.`)
  if (count < 0) return row.name === 'retention.ms' ? '-1' : text
  return String(count * unitMs)
}

function coarserOf(name: string) {
  return isCoarser(name) ? coarserSettings[name] : undefined
}

function isCoarser(name: string): name is keyof typeof coarserSettings {
  return Object.hasOwn(coarserSettings, name)
}

function refused(name: string, text: string, why: string): Error {
  return configError(name, 'cannot have this value', text, why)
}
