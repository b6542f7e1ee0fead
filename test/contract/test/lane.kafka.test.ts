import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'

test('the comparison of message tables has its jar, so it cannot be skipped here', () => {
  expect(existsSync(process.env['KAFKA_CLIENTS_JAR'] ?? '')).toBe(true)
})
