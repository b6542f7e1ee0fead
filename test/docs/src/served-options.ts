import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { OptionSchema } from '@millrace/connect-api'
import { startMillrace } from 'millrace'

export type Options = Readonly<Record<string, OptionSchema>>

/** All options of a kind of connector, those of the runtime included, as the REST interface shows them. */
export async function servedOptions(kinds: readonly string[]): Promise<readonly Options[]> {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-options-'))
  const millrace = await startMillrace({ data })
  try {
    await millrace.connect()
    const { url } = await millrace.serve({ port: 0 })
    return await Promise.all(kinds.map((kind) => optionsAt(`${url}/connector-plugins/${kind}/config`)))
  } finally {
    await millrace.close()
    fs.rmSync(data, { recursive: true })
  }
}

async function optionsAt(url: string): Promise<Options> {
  const schema: unknown = await (await fetch(url)).json()
  const properties = isObject(schema) ? schema['properties'] : undefined
  if (isOptions(properties)) return properties
  throw new Error(`${url} answered no options: ${JSON.stringify(schema)}`)
}

function isOptions(value: unknown): value is Options {
  return isObject(value) && Object.values(value).every(isObject)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
