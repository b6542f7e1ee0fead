import { configError, MillraceError, messageOf } from '@millrace/kernel'
import { Ajv, type ErrorObject } from 'ajv'

/** A JSON Schema (draft 7, ajv's dialect), as data. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** Throws where the value is not a `T`. */
export type Validator<T> = (value: unknown) => asserts value is T

/**
 * Compiles a schema to a check.
 *
 * @throws CONFIG when ajv refuses the schema; the check throws BAD_RECORD naming the path and what was met.
 */
export function jsonValidator<T>(schema: JsonSchema): Validator<T> {
  const ajv = new Ajv({ allErrors: false, strict: true, allowUnionTypes: true, verbose: true })
  let validate: ReturnType<Ajv['compile']>
  try {
    validate = ajv.compile(schema)
  } catch (cause) {
    throw configError('json schema', messageOf(cause), schema, 'Give a JSON Schema that ajv can compile.')
  }
  return (value) => {
    if (validate(value) === true) return
    const first = validate.errors?.[0]
    throw new MillraceError('BAD_RECORD', first === undefined ? 'does not match its schema' : sentence(first), {
      place: `json${first?.instancePath ?? ''}`,
      value: first?.data,
      fix: 'Mend the record, or the schema of its serde.',
    })
  }
}

function sentence(error: ErrorObject): string {
  const allowed = error.params['allowedValues']
  if (Array.isArray(allowed)) return `${error.message}: ${allowed.map(String).join(', ')}`
  const extra = error.params['additionalProperty']
  return typeof extra === 'string' ? `${error.message}: ${extra}` : (error.message ?? error.keyword)
}
