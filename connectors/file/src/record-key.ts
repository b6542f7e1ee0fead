/** Names in braces, in order. */
export function templateFields(template: string): string[] {
  return Array.from(template.matchAll(/\{([^{}]+)\}/g), (match) => match[1]!)
}

/** How a key is made of a row's fields. */
export interface KeyRule {
  readonly fields: readonly string[]
  /** Text before each field, and after the last: one more than there are fields. */
  readonly texts: readonly string[]
  /** One field and nothing around it: its text is the key as it stands. */
  readonly plain: boolean
}

export function keyRuleOf(field: string | undefined, template: string | undefined): KeyRule | undefined {
  if (field !== undefined) return { fields: [field], texts: ['', ''], plain: true }
  if (template === undefined) return undefined
  return { fields: templateFields(template), texts: template.split(/\{[^{}]+\}/), plain: false }
}

/**
 * The key as text; null when a field of it is missing or null. `fieldAt(i)` gives the value of the rule's field
 * `i`.
 */
export function keyText(rule: KeyRule, fieldAt: (i: number) => unknown): string | null {
  const first = fieldAt(0)
  if (typeof first === 'string' && rule.plain) return first
  let text = rule.texts[0]!
  for (let i = 0; i < rule.fields.length; i++) {
    const value = fieldAt(i)
    if (value === null || value === undefined) return null
    text += String(value)
    text += rule.texts[i + 1]!
  }
  return text
}
