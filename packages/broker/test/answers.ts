import type { ApiName, RequestContext, RequestHandler, RequestOf, ResponseOf } from '@millrace/protocol/internal'

type Answer<A extends ApiName> = (
  request: RequestOf<A>,
  context: RequestContext,
) => ResponseOf<A> | Promise<ResponseOf<A>>

/** Who answers what in a test of the server alone. */
export type Answers = { readonly [A in ApiName]?: Answer<A> }

export function handlerOf(answers: Answers): RequestHandler {
  return {
    async handle(context, api, request) {
      const answer: Answer<typeof api> | undefined = answers[api]
      if (answer === undefined) throw new Error(`this test does not answer ${api}`)
      return await answer(request, context)
    },
  }
}
