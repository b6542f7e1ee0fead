import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  credentialOf,
  hmac,
  isPasswordOf,
  isProofOf,
  readClientFinal,
  readClientFirst,
  ScramClient,
  type ScramMechanism,
  saltedPassword,
  scramMechanisms,
  writeName,
} from '../src/internal.ts'

const mechanisms = Object.keys(scramMechanisms) as ScramMechanism[]

describe('the exchange that RFC 7677 §3 prints', () => {
  const nonce = 'rOprNGfwEbeRWgbNEkqO'
  const first = `r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`
  const final = `c=biws,r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`
  const verdict = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='
  const client = () => new ScramClient('SCRAM-SHA-256', { user: 'user', password: 'pencil' }, nonce)

  test('our client says what it says, and believes the server', async () => {
    const one = client()
    expect(one.first().toString()).toBe(`n,,n=user,r=${nonce}`)
    expect((await one.final(Buffer.from(first))).toString()).toBe(final)
    one.verify(Buffer.from(verdict))
  })

  test('a server that does not know the password is not believed', async () => {
    const one = client()
    await one.final(Buffer.from(first))
    expect(() => one.verify(Buffer.from(verdict.replace('6rri', '7rri')))).toThrow(/not to be trusted/)
    expect(() => one.verify(Buffer.from('e=invalid-proof'))).toThrow(/invalid-proof/)
  })

  test.each([
    ['another nonce', first.replace(nonce, 'somebody-elses')],
    ['our nonce alone', first.replace('%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0', '')],
    ['too few iterations', first.replace('4096', '4095')],
    ['no salt', first.replace(/s=[^,]*/, 's=')],
    ['something else', 'hello'],
  ])('a first answer with %s is refused', async (_, answer) => {
    await expect(client().final(Buffer.from(answer))).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' })
  })
})

test.each(mechanisms)('%s: a proof fits its password, and no other password or message', async (mechanism) => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      async (user, password, saltBytes) => {
        const salt = Buffer.from(saltBytes)
        const credential = credentialOf(mechanism, await saltedPassword(mechanism, password, salt, 4096), salt, 4096)
        const client = new ScramClient(mechanism, { user, password }, 'abc')
        const opening = readClientFirst(client.first().toString())
        expect(opening.user).toBe(user)
        const answer = `r=abcdef,s=${salt.toString('base64')},i=4096`
        const { proof, withoutProof } = readClientFinal((await client.final(Buffer.from(answer))).toString())
        const signed = `${opening.bare},${answer},${withoutProof}`
        expect(isProofOf(mechanism, credential.storedKey, signed, proof)).toBe(true)
        expect(isProofOf(mechanism, credential.storedKey, `${signed}x`, proof)).toBe(false)
        expect(await isPasswordOf(mechanism, credential, password)).toBe(true)
        expect(await isPasswordOf(mechanism, credential, `${password}x`)).toBe(false)
        client.verify(Buffer.from(`v=${hmac(mechanism, credential.serverKey, signed).toString('base64')}`))
      },
    ),
    { numRuns: 10 },
  )
})

describe('messages of a client', () => {
  test('names keep their commas and equals signs', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        expect(readClientFirst(`n,,n=${writeName(name)},r=x`).user).toBe(name)
      }),
    )
  })

  test.each([
    ['channel binding', 'p=tls-unique,,n=user,r=abc'],
    ['an extension that must be understood', 'n,,m=x,n=user,r=abc'],
    ['no name', 'n,,n=,r=abc'],
    ['a name with a bare equals sign', 'n,,n=a=b,r=abc'],
    ['no nonce', 'n,,n=user'],
    ['a delegation token', 'n,,n=user,r=abc,tokenauth=true'],
  ])('%s is refused', (_, text) => {
    expect(() => readClientFirst(text)).toThrow(/not as SCRAM has it/)
  })
})
