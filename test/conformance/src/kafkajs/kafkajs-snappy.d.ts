/** The package brings no types: a codec as kafkajs takes it. */
declare module 'kafkajs-snappy' {
  const codec: () => unknown
  export default codec
}
