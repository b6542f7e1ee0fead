import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;

/**
 * How Kafka's own assignors divide. A line in: topics `a=r1.r2,r1,` (of each partition its racks) joined by `|`, then `#`, then members
 * `id:instance:rack:a.b` joined by `|`. A line out: `id=a-0 a-1` joined by `|`, by id. The first argument is the assignor's name.
 */
public class RackDivisions {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ConsumerPartitionAssignor assignor = args[0].equals("range") ? new RangeAssignor() : new CooperativeStickyAssignor();
            System.out.println(divide(assignor, line));
        }
    }

    private static String divide(ConsumerPartitionAssignor assignor, String line) {
        String[] halves = line.split("#", -1);
        Map<String, Node> nodes = new HashMap<>();
        List<PartitionInfo> partitions = new ArrayList<>();
        for (String topic : halves[0].split("\\|")) {
            String name = topic.substring(0, topic.indexOf('='));
            String[] rows = topic.substring(topic.indexOf('=') + 1).split(",", -1);
            for (int i = 0; i < rows.length; i++) {
                List<Node> replicas = new ArrayList<>();
                for (String rack : rows[i].split("\\.")) {
                    String known = rack.isEmpty() ? null : rack;
                    replicas.add(nodes.computeIfAbsent(rack, r -> new Node(nodes.size() + 1, "host", 9092, known)));
                }
                Node[] all = replicas.toArray(new Node[0]);
                partitions.add(new PartitionInfo(name, i, all[0], all, all));
            }
        }
        Map<String, Subscription> members = new HashMap<>();
        for (String member : halves[1].split("\\|")) {
            String[] parts = member.split(":", -1);
            Optional<String> rack = Optional.of(parts[2]).filter(r -> !r.isEmpty());
            Subscription subscription = new Subscription(List.of(parts[3].split("\\.")), null, List.of(), -1, rack);
            subscription.setGroupInstanceId(Optional.of(parts[1]).filter(r -> !r.isEmpty()));
            members.put(parts[0], subscription);
        }
        Cluster cluster = new Cluster("c", nodes.values(), partitions, Set.of(), Set.of());
        var given = new TreeMap<>(assignor.assign(cluster, new GroupSubscription(members)).groupAssignment());
        return given.entrySet().stream()
            .map(e -> e.getKey() + "=" + e.getValue().partitions().stream().map(Object::toString).collect(Collectors.joining(" ")))
            .collect(Collectors.joining("|"));
    }
}
