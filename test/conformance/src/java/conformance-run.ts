import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { kafkaJars } from '@millrace/test-contract'
import type { BrokerProcess } from '../broker.ts'

const program = fileURLToPath(new URL('../../java/Conformance.java', import.meta.url))

export interface JavaRun {
  /** How each case went, by name: undefined when it passed, else why not. */
  readonly outcomes: ReadonlyMap<string, string | undefined>
  /** The end of what else was said, for a run that did not come to its end. */
  readonly said: string
  readonly exitCode: number | null
}

/** Runs the cases of Conformance.java whose names match, in one JVM, against a broker. */
export async function runJava(broker: BrokerProcess, names: string): Promise<JavaRun> {
  const jars = await kafkaJars()
  const folder = mkdtempSync(join(tmpdir(), 'millrace-java-'))
  const classPath = join(jars.folder, '*')
  const args = ['-Xmx512m', '-cp', classPath, program, broker.address, folder, broker.directory, names]
  const java = spawn('java', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  // A run that is killed takes Java along.
  const end = (): boolean => java.kill('SIGKILL')
  process.once('exit', end)
  const outcomes = new Map<string, string | undefined>()
  let said = ''
  const hear = (line: string): void => {
    const [word, name, how] = line.split('\t')
    if (name === undefined || (word !== 'ok' && word !== 'failed')) said = `${said}${line}\n`.slice(-4000)
    else outcomes.set(name, word === 'ok' ? undefined : how)
  }
  for (const output of [java.stdout, java.stderr]) createInterface({ input: output }).on('line', hear)
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      java.once('error', reject)
      java.once('close', resolve)
    })
    return { outcomes, said, exitCode }
  } finally {
    process.removeListener('exit', end)
    rmSync(folder, { recursive: true, force: true })
  }
}
