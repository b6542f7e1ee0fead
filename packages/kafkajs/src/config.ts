import type { Buffer } from 'node:buffer'
import type { Logger, logCreator, logLevel } from './logger.ts'
import type { RetryOptions } from './retry.ts'

/** Where brokers are, asked when a connection to the cluster is begun. */
export type BrokersFunction = () => string[] | Promise<string[]>

export interface OauthbearerProviderResponse {
  value: string
}

interface SASLMechanismOptionsMap {
  plain: { username: string; password: string }
  'scram-sha-256': { username: string; password: string }
  'scram-sha-512': { username: string; password: string }
  aws: { authorizationIdentity: string; accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  oauthbearer: { oauthBearerProvider: () => Promise<OauthbearerProviderResponse> }
}

export type SASLMechanism = keyof SASLMechanismOptionsMap
type SASLMechanismOptions<T> = T extends SASLMechanism ? { mechanism: T } & SASLMechanismOptionsMap[T] : never
export type SASLOptions = SASLMechanismOptions<SASLMechanism>

export interface Authenticator {
  authenticate: () => Promise<void>
}

export interface SaslAuthenticateArgs<ParseResult> {
  request: { encode: () => Buffer | Promise<Buffer> }
  response?: {
    decode: (rawResponse: Buffer) => Buffer | Promise<Buffer>
    parse: (data: Buffer) => ParseResult
  }
}

export interface AuthenticationProviderArgs {
  host: string
  port: number
  logger: Logger
  saslAuthenticate: <ParseResult>(args: SaslAuthenticateArgs<ParseResult>) => Promise<ParseResult | undefined>
}

/** A mechanism of one's own. Refused: the client has no door for it. */
export interface Mechanism {
  mechanism: string
  authenticationProvider: (args: AuthenticationProviderArgs) => Authenticator
}

export interface ISocketFactoryArgs {
  host: string
  port: number
  ssl: object
  onConnect: () => void
}

export type ISocketFactory = (args: ISocketFactoryArgs) => object

/** PEM, or several one after the other. */
type Pem = string | Buffer | readonly (string | Buffer | object)[] | undefined

/** What can be said of TLS: the names are those of Node's `tls.connect`. */
export interface TlsConfig {
  ca?: Pem
  cert?: Pem
  key?: Pem
  /** Opens an encrypted key. */
  passphrase?: string | undefined
  /** false takes any certificate for the broker's, also a stranger's. @default true */
  rejectUnauthorized?: boolean | undefined
  /** Shown to the broker and looked for in its certificate. @default the host of the broker */
  servername?: string | undefined
}

export interface KafkaConfig {
  /** `host:port` of one or more brokers, or who knows them. */
  brokers: string[] | BrokersFunction
  ssl?: TlsConfig | boolean
  sasl?: SASLOptions | Mechanism
  /** Shown by the broker. @default 'kafkajs' */
  clientId?: string
  /** To connect, in milliseconds. @default 1000 */
  connectionTimeout?: number
  /** To authenticate, in milliseconds; added to the time to connect. @default 10000 */
  authenticationTimeout?: number
  reauthenticationThreshold?: number
  /** One request's answer, in milliseconds. @default 30000 */
  requestTimeout?: number
  /** @default true */
  enforceRequestTimeout?: boolean
  retry?: RetryOptions
  /** Refused: sockets are the client's own. */
  socketFactory?: ISocketFactory
  /** @default logLevel.INFO */
  logLevel?: logLevel
  /** @default a line of JSON to the console */
  logCreator?: logCreator
}
