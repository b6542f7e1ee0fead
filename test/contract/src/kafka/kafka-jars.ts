import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Apache Kafka as jars on this machine. */
export interface KafkaJars {
  /** The folder of all jars; `<folder>/*` is a class path. */
  readonly folder: string
  readonly version: string
  /** The jar with the definitions of the protocol. */
  readonly clients: string
}

/** Java's own files of this folder: the list of jars, how it logs. */
export const kafkaFolder: string = fileURLToPath(new URL('../../kafka/', import.meta.url))

/**
 * The jars of Apache Kafka: those of the folder in MILLRACE_KAFKA_LIBS, else a copy in the user's cache that Maven
 * makes at the first call and whenever our pom.xml has changed.
 *
 * @param report is told what takes long: a first copy may download some 200 MB.
 * @throws when neither a copy nor a working `mvn` is there.
 */
export async function kafkaJars(report: (line: string) => void = () => {}): Promise<KafkaJars> {
  const pom = readFileSync(join(kafkaFolder, 'pom.xml'), 'utf8')
  const version = /<kafka\.version>(.+)<\/kafka\.version>/.exec(pom)?.[1]
  if (version === undefined) throw new Error(`${kafkaFolder}pom.xml names no kafka.version`)
  const given = process.env['MILLRACE_KAFKA_LIBS']
  return jarsIn(given === undefined || given === '' ? await cachedCopy(pom, version, report) : given, version)
}

async function cachedCopy(pom: string, version: string, report: (line: string) => void): Promise<string> {
  const stamp = createHash('sha256').update(pom).digest('hex').slice(0, 12)
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace', 'kafka')
  const folder = join(cache, `${version}-${stamp}`)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  // Copied beside and renamed: whoever is interrupted leaves nothing that looks whole.
  const part = `${folder}.${process.pid}.part`
  report(`copying the jars of Apache Kafka ${version} into ${folder}; the first time Maven downloads them`)
  try {
    await copyDependencies(part, report)
    writeFileSync(join(part, 'pom.xml'), pom)
    if (!existsSync(folder)) renameSync(part, folder)
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
  return folder
}

function copyDependencies(into: string, report: (line: string) => void): Promise<void> {
  const goal = 'dependency:copy-dependencies'
  const args = ['-B', '-f', join(kafkaFolder, 'pom.xml'), goal, `-DoutputDirectory=${into}`, '-DincludeScope=runtime']
  return new Promise((resolve, reject) => {
    const maven = spawn('mvn', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const last: string[] = []
    let files = 0
    const heard = (line: string): void => {
      if (/Download(?:ed|ing) from/.test(line)) {
        if (/Downloaded/.test(line) && ++files % 25 === 0) report(`${files} files downloaded`)
        return
      }
      last.push(line)
      if (last.length > 15) last.shift()
    }
    for (const output of [maven.stdout, maven.stderr]) createInterface({ input: output }).on('line', heard)
    maven.once('error', (error) => {
      reject(
        new Error(`mvn does not start (${error.message}). Install Maven, or name a folder in MILLRACE_KAFKA_LIBS.`),
      )
    })
    maven.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`mvn ended with ${code}:\n${last.join('\n')}`))
    })
  })
}

function jarsIn(folder: string, version: string): KafkaJars {
  const clients = readdirSync(folder).find((name) => /^kafka-clients-\d.*\.jar$/.test(name))
  if (clients === undefined) throw new Error(`${folder} holds no kafka-clients jar: it is no copy of Apache Kafka`)
  return { folder, version, clients: join(folder, clients) }
}
