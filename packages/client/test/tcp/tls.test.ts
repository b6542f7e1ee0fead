import type { Buffer } from 'node:buffer'
import { nodeClock, nodeNet, nodeRandom } from '@millrace/kernel/node'
import { decodeRequestHeader, encodeResponse, FrameSplitter, fill } from '@millrace/protocol/internal'
import { afterEach, expect, test } from 'vitest'
import { tcpTransport } from '../../src/tcp/tcp-transport.ts'

/** Signed by itself for localhost and 127.0.0.1, made for this test and used nowhere else. */
const cert = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUbje4mVuaimyBEhOr/v/1tpSo9IgwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE0NDcwOFoYDzIxMjYxMDI4
MTQ0NzA4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQMaycsFhwHhwJPWp6EsxbSHJ1umNkYxksSCPl7JmWrtqvMog8J/5gY
MpvQvwVjzNapT+0JUuChTnx1uKGcwhAwo28wbTAdBgNVHQ4EFgQUqBl8mtfv38Dh
ChOrcvrquiXS3S4wHwYDVR0jBBgwFoAUqBl8mtfv38DhChOrcvrquiXS3S4wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAN46L6vx3SKgWmCnOERrgUT9ZUBaGM9naHXdaV8RNmtyAiEA
l7ya1pbXQgAiV42M3pwM6k4ha3TPuY2bL57lsoyTGqU=
-----END CERTIFICATE-----
`
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaSqcYCnmwDVppP0j
63AQy5DB02TkAh9njlBF7DUYHVihRANCAAQMaycsFhwHhwJPWp6EsxbSHJ1umNkY
xksSCPl7JmWrtqvMog8J/5gYMpvQvwVjzNapT+0JUuChTnx1uKGcwhAw
-----END PRIVATE KEY-----
`

const ports = { net: nodeNet(), clock: nodeClock(), random: nodeRandom() }
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Answers every request as ApiVersions. */
async function secureBroker(): Promise<number> {
  const listener = await ports.net.listen({ host: '127.0.0.1', port: 0, tls: { cert, key } }, (socket) => {
    const splitter = new FrameSplitter(socket.remote)
    return {
      data: (bytes) =>
        splitter.push(bytes, (frame) => {
          const { apiVersion, correlationId } = decodeRequestHeader(frame)
          const response = fill('apiVersions', 'response', {
            apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
            // More than one record of TLS.
            supportedFeatures: Array.from({ length: 2000 }, (_, i) => ({ name: `feature-${i}`, minVersion: 1 })),
          })
          socket.writeAll(encodeResponse('apiVersions', apiVersion, correlationId, response).pieces)
        }),
      closed() {},
    }
  })
  closing.push(() => listener.close())
  return listener.port
}

test('the protocol over TLS, with an authority of our own', async () => {
  const port = await secureBroker()
  for (const host of ['localhost', '127.0.0.1']) {
    const transport = tcpTransport({ bootstrap: [`${host}:${port}`], ports, tls: { ca: cert } })
    const connection = await transport.connect(transport.bootstrap[0]!)
    const answer = await connection.send('apiVersions', fill('apiVersions', 'request', { clientSoftwareName: 'x' }))
    expect(answer.supportedFeatures.length).toBe(2000)
    await connection.close()
    expect(await connection.closed).toBe(undefined)
  }
})

test('a certificate that nobody vouches for is refused', async () => {
  const transport = tcpTransport({ bootstrap: [`localhost:${await secureBroker()}`], ports, tls: {} })
  await expect(transport.connect(transport.bootstrap[0]!)).rejects.toMatchObject({
    code: 'CONNECTION_REFUSED',
    message: expect.stringContaining('self-signed certificate'),
  })
})

test('plain text against TLS says so', async () => {
  const port = await secureBroker()
  const transport = tcpTransport({ bootstrap: [`127.0.0.1:${port}`], ports })
  await expect(transport.connect(transport.bootstrap[0]!)).rejects.toThrow()

  const plain = await ports.net.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    const splitter = new FrameSplitter(socket.remote)
    return { data: (bytes: Buffer) => splitter.push(bytes, () => {}), closed: (error) => refused(error) }
  })
  closing.push(() => plain.close())
  let refused: (error: Error | undefined) => void = () => {}
  const refusal = new Promise<Error | undefined>((resolve) => {
    refused = resolve
  })
  const secure = tcpTransport({ bootstrap: [`127.0.0.1:${plain.port}`], ports, tls: { ca: cert } })
  await expect(secure.connect(secure.bootstrap[0]!)).rejects.toMatchObject({ code: 'CONNECTION_REFUSED' })
  expect(await refusal).toMatchObject({ message: expect.stringContaining('This is a TLS handshake') })
})
