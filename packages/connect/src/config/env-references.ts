import type { ConfigProblem, ConfigSchema, ConfigValue, OptionSchema, RawConfig } from '@millrace/connect-api'

/** Environment variables, as the composer gives them. */
export type Environment = Readonly<Record<string, string | undefined>>

const reference = /\$\{([A-Za-z]+):([^}]*)\}/g
const secretName = /PASS|SECRET|TOKEN|CREDENTIAL|KEY/i
const wholeReference = /^\$\{env:[^}]*\}$/

export interface ResolvedConfig {
  readonly config: Record<string, ConfigValue>
  readonly problems: readonly ConfigProblem[]
  /**
   * What must never be shown: values of references whose name tells of a secret. Those of `writeOnly` options:
   * `secretsOf`.
   */
  readonly secrets: readonly string[]
}

/** Puts the variables in for `${env:NAME}`, in memory only: what is stored and shown keeps the reference. */
export function resolveReferences(raw: RawConfig, environment: Environment): ResolvedConfig {
  const problems: ConfigProblem[] = []
  const secrets: string[] = []
  const resolve = (option: string, value: ConfigValue): ConfigValue => {
    if (typeof value === 'string') {
      return value.replace(reference, (whole, provider: string, name: string) => {
        const found = provider === 'env' ? environment[name] : undefined
        if (provider !== 'env') {
          problems.push({
            option,
            problem: `refers to ${provider}, which is not known`,
            value: whole,
            fix: `Use \${env:NAME}.`,
          })
        } else if (found === undefined) {
          const problem = `refers to the environment variable ${name}, which is not set`
          problems.push({ option, problem, value: whole, fix: `Set ${name}, or write the value.` })
        } else if (found !== '' && secretName.test(name)) secrets.push(found)
        return found ?? whole
      })
    }
    if (isList(value)) return value.map((item, i) => resolve(`${option}[${i}]`, item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolve(`${option}.${name}`, item)]))
  }
  const config = Object.fromEntries(Object.entries(raw).map(([option, value]) => [option, resolve(option, value)]))
  return { config, problems, secrets }
}

function isList(value: ConfigValue): value is readonly ConfigValue[] {
  return Array.isArray(value)
}

/** What stands in place of a secret that was written out in a config. */
export const hidden = '[hidden]'

/** A config as it may be shown: options marked `writeOnly` are hidden unless they are a reference. */
export function withoutSecrets(raw: RawConfig, schema: ConfigSchema | undefined): RawConfig {
  const shown = (option: OptionSchema | undefined, value: ConfigValue): ConfigValue => {
    if (option?.writeOnly !== true) return value
    return typeof value === 'string' && wholeReference.test(value) ? value : hidden
  }
  return Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, shown(schema?.properties[name], value)]))
}

/** Values of `writeOnly` options, and the passwords in those that are URLs. */
export function secretsOf(config: RawConfig, schema: ConfigSchema): string[] {
  return Object.entries(schema.properties).flatMap(([name, option]) => {
    const value = config[name]
    if (option.writeOnly !== true || typeof value !== 'string' || value === '') return []
    return [value, ...passwordsOf(value)]
  })
}

/** The password in a URL, as it stands there and as it is sent. */
function passwordsOf(url: string): string[] {
  try {
    const { password } = new URL(url)
    return password === '' ? [] : [password, decodeURIComponent(password)]
  } catch {
    return []
  }
}

/** Text without the secrets in it. */
export function redacted(text: string, secrets: readonly string[]): string {
  let clean = text
  for (const secret of secrets) if (secret.length > 2) clean = clean.replaceAll(secret, hidden)
  return clean
}
