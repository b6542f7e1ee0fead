/** Placeholder table until the message definitions stand beside it. */
export interface ApiTypes {
  readonly apiVersions: { readonly request: object; readonly response: object }
}
export type ApiName = keyof ApiTypes
export type RequestOf<A extends ApiName> = ApiTypes[A]['request']
export type ResponseOf<A extends ApiName> = ApiTypes[A]['response']
