/** Kafka's "operations were not asked for or are not known", in all answers that could list them. */
export const notAsked = -0x8000_0000
