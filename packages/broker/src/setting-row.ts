/** One setting: its default, the values it may have, and what it does. */
export type SettingRow =
  | {
      readonly type: 'number'
      readonly default: number
      readonly min: number
      readonly max: number
      /** It need not be whole. */
      readonly isDouble?: true
      readonly doc: string
    }
  | { readonly type: 'boolean'; readonly default: boolean; readonly doc: string }
  | {
      readonly type: 'string'
      readonly default: string
      /** Never shown, logged or put in an error. */
      readonly isSecret: boolean
      readonly doc: string
    }

export function number(value: number, min: number, max: number, doc: string) {
  return { type: 'number', default: value, min, max, doc } as const
}

export function double(value: number, min: number, max: number, doc: string) {
  return { ...number(value, min, max, doc), isDouble: true } as const
}

export function boolean(value: boolean, doc: string) {
  return { type: 'boolean', default: value as boolean, doc } as const
}

export function text(value: string, doc: string) {
  return { type: 'string', default: value as string, isSecret: false as boolean, doc } as const
}

export function secret(doc: string) {
  return { type: 'string', default: '' as string, isSecret: true as boolean, doc } as const
}
