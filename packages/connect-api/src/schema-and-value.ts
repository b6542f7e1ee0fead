import type { ConnectSchema } from '@millrace/schema'

/** A value as a converter read it, with the schema that travelled with it. */
export interface SchemaAndValue {
  readonly schema: ConnectSchema | null
  readonly value: unknown
}
