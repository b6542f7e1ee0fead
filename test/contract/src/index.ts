export { freePorts } from './kafka/free-ports.ts'
export { type KafkaCluster, type KafkaClusterOptions, startKafka } from './kafka/kafka-cluster.ts'
export { type KafkaJars, kafkaJars } from './kafka/kafka-jars.ts'
