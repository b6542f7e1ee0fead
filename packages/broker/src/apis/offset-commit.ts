import type { Handler } from '../engine.ts'
import { wire } from '../wire-error.ts'
import { OffsetCommitAnswer } from './offset-commit-answer.ts'

/** Answered when the offsets, and all they stand for, are on disk (law 6). */
export const answerOffsetCommit: Handler<'offsetCommit'> = async (engine, _context, request) => {
  const answer = new OffsetCommitAnswer(engine, request)
  if (request.groupId !== '') {
    const claim = {
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generation: request.generationIdOrMemberEpoch,
    }
    answer.committed(await engine.groups.offsets.commit(request.groupId, claim, answer.accepted))
  }
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: wire(answer.codeOf(name, partitionIndex)),
      })),
    })),
  }
}
