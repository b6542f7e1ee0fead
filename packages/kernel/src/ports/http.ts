export interface HttpRequest {
  readonly method: string
  /** Decoded path parameters by name. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Parsed JSON body, undefined when there is none. */
  readonly body: unknown
  readonly path: string
}

export interface HttpResponse {
  readonly status: number
  /** Sent as JSON; undefined sends nothing. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface HttpRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/connectors/:name/status`. */
  readonly path: string
  handle(request: HttpRequest): Promise<HttpResponse> | HttpResponse
}

export interface HttpServer {
  readonly url: string
  close(): Promise<void>
}

/** Serves JSON routes. Errors become `{ error_code, message }` (Kafka Connect's form). */
export interface Http {
  listen(address: { readonly host: string; readonly port: number }, routes: readonly HttpRoute[]): Promise<HttpServer>
}
