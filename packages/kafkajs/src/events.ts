/** What happened in a producer, a consumer or an admin. */
export interface InstrumentationEvent<T> {
  id: string
  type: string
  /** Milliseconds since 1970. */
  timestamp: number
  payload: T
}

export type RemoveInstrumentationEventListener<_T> = () => void

export type ConnectEvent = InstrumentationEvent<null>
export type DisconnectEvent = InstrumentationEvent<null>

/** A request that was answered. Durations in milliseconds. */
export interface NetworkRequest {
  apiKey: number
  apiName: string
  apiVersion: number
  broker: string
  clientId: string
  correlationId: number
  createdAt: number
  duration: number
  pendingDuration: number
  sentAt: number
  /** Bytes of the answer. */
  size: number
}

export type RequestEvent = InstrumentationEvent<NetworkRequest>
export type RequestTimeoutEvent = InstrumentationEvent<Omit<NetworkRequest, 'duration' | 'size'>>
export type RequestQueueSizeEvent = InstrumentationEvent<{ broker: string; clientId: string; queueSize: number }>

/** What all three can tell of, by the name a listener is registered under. */
export interface NetworkEventMap<P extends string> {
  CONNECT: `${P}.connect`
  DISCONNECT: `${P}.disconnect`
  REQUEST: `${P}.network.request`
  REQUEST_TIMEOUT: `${P}.network.request_timeout`
  REQUEST_QUEUE_SIZE: `${P}.network.request_queue_size`
}

export type ValueOf<T> = T[keyof T]

/** What tells of its connections and requests. The listener of an event is taken off by calling what `on` returns. */
export interface Instrumented<E extends NetworkEventMap<string>> {
  on(
    eventName: E['CONNECT'],
    listener: (event: ConnectEvent) => void,
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: E['DISCONNECT'],
    listener: (event: DisconnectEvent) => void,
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: E['REQUEST'],
    listener: (event: RequestEvent) => void,
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: E['REQUEST_QUEUE_SIZE'],
    listener: (event: RequestQueueSizeEvent) => void,
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: E['REQUEST_TIMEOUT'],
    listener: (event: RequestTimeoutEvent) => void,
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ValueOf<E>,
    listener: (event: InstrumentationEvent<never>) => void,
  ): RemoveInstrumentationEventListener<typeof eventName>
  readonly events: E
}

export function networkEvents<P extends string>(owner: P): NetworkEventMap<P> {
  return {
    CONNECT: `${owner}.connect`,
    DISCONNECT: `${owner}.disconnect`,
    REQUEST: `${owner}.network.request`,
    REQUEST_TIMEOUT: `${owner}.network.request_timeout`,
    REQUEST_QUEUE_SIZE: `${owner}.network.request_queue_size`,
  }
}
