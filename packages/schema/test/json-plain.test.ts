import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const program = `
  import { Buffer } from 'node:buffer'
  import { ByteWriter } from '@millrace/kernel'
  import { json } from '@millrace/schema'
  const serde = json()
  const texts = []
  for (let i = 0; i < 5; i++) {
    const writer = new ByteWriter()
    serde.write({ i, s: 'a' }, writer)
    texts.push(JSON.stringify(serde.read(writer.bytes, 0, writer.position)))
  }
  console.log(texts.join())
`

test.each([[], ['--disallow-code-generation-from-strings']])('reads and writes under %j', (...flags) => {
  const args = [...flags, '--input-type=module', '--eval', program]
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const said = execFileSync(process.execPath, args, { encoding: 'utf8', cwd })
  expect(said.trim()).toBe([0, 1, 2, 3, 4].map((i) => `{"i":${i},"s":"a"}`).join())
})
