import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own Java client, asked by the tests: an independent writer, reader and administrator. Requests are JSON
 * lines on stdin, {"id", "method", "client": properties, …}; answers are {"id", "result"} or {"id", "error"} on
 * stdout, in the order in which they are ready. It ends with its stdin.
 */
public final class KafkaJudge {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream ANSWERS = System.out;

    /** Producers whose transaction is still open, by their transactional ids. */
    private static final Map<String, KafkaProducer<byte[], byte[]>> OPEN = new ConcurrentHashMap<>();

    public static void main(String[] args) throws Exception {
        System.setOut(System.err);
        ExecutorService threads = Executors.newCachedThreadPool();
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = requests.readLine()) != null; ) {
            JsonNode request = JSON.readTree(line);
            threads.execute(() -> answer(request));
        }
        Runtime.getRuntime().halt(0);
    }

    private static void answer(JsonNode request) {
        ObjectNode answer = JSON.createObjectNode().put("id", request.get("id").asLong());
        try {
            answer.set("result", JSON.valueToTree(result(request)));
        } catch (Throwable thrown) {
            Throwable cause = thrown instanceof ExecutionException && thrown.getCause() != null
                ? thrown.getCause() : thrown;
            StringBuilder text = new StringBuilder(cause.toString());
            for (Throwable c = cause.getCause(); c != null; c = c.getCause()) text.append("; caused by ").append(c);
            answer.put("error", text.toString());
        }
        synchronized (ANSWERS) {
            ANSWERS.println(answer);
            ANSWERS.flush();
        }
    }

    private static Object result(JsonNode request) throws Exception {
        if (request.has("allowedUrls"))
            System.setProperty("org.apache.kafka.sasl.oauthbearer.allowed.urls", request.get("allowedUrls").asText());
        String method = request.get("method").asText();
        switch (method) {
            case "format": return format(request);
            case "produce": return produce(request);
            case "endTransaction": return endTransaction(request);
            case "consume": return consume(request);
            default:
                try (Admin admin = Admin.create(client(request))) {
                    return administer(admin, method, request);
                }
        }
    }

    private static Map<String, Object> client(JsonNode request) {
        Map<String, Object> properties = new HashMap<>();
        properties.put("default.api.timeout.ms", "20000");
        properties.put("request.timeout.ms", "10000");
        properties.put("reconnect.backoff.max.ms", "200");
        request.get("client").fields().forEachRemaining(f -> properties.put(f.getKey(), f.getValue().asText()));
        return properties;
    }

    /** Formats the folder of a new broker, in this warm JVM. */
    private static Object format(JsonNode request) {
        List<String> args = new ArrayList<>();
        request.get("args").forEach(arg -> args.add(arg.asText()));
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        int code = kafka.tools.StorageTool.execute(args.toArray(new String[0]), new PrintStream(said));
        if (code != 0) throw new IllegalStateException("The broker's folder was not formatted: " + said);
        return null;
    }

    private static Object administer(Admin admin, String method, JsonNode request) throws Exception {
        String topic = request.path("topic").asText(null);
        String group = request.path("group").asText(null);
        switch (method) {
            case "createTopic":
                // As many replicas as is the cluster's default.
                NewTopic created =
                    new NewTopic(topic, Optional.of(request.get("partitions").asInt()), Optional.empty());
                admin.createTopics(List.of(created.configs(texts(request.get("config"))))).all().get();
                // Until its leaders are known, a client may be told that there is no such topic.
                for (int tries = 0; ; tries++) {
                    try {
                        offsets(admin, topic, request);
                        return null;
                    } catch (ExecutionException notYet) {
                        if (tries == 50) throw notYet;
                        Thread.sleep(20);
                    }
                }
            case "deleteTopic": return admin.deleteTopics(List.of(topic)).all().get();
            case "addPartitions":
                return admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(request.get("total").asInt())))
                    .all().get();
            case "configureTopic": return configure(admin, topic, texts(request.get("config")));
            case "listTopics": return admin.listTopics().names().get();
            case "partitions": return partitions(admin, topic).size();
            case "inSyncReplicas":
                return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic)
                    .partitions().get(0).isr().size();
            case "deleteRecords":
                TopicPartition from = new TopicPartition(topic, request.get("partition").asInt());
                RecordsToDelete before = RecordsToDelete.beforeOffset(request.get("beforeOffset").asLong());
                return admin.deleteRecords(Map.of(from, before)).lowWatermarks().get(from).get().lowWatermark();
            case "listOffsets": return offsets(admin, topic, request);
            case "groupOffsets": return groupOffsets(admin, group);
            case "setGroupOffsets":
                return admin.alterConsumerGroupOffsets(group, committed(request.get("offsets"))).all().get();
            case "deleteGroup": return admin.deleteConsumerGroups(List.of(group)).all().get();
            case "describeGroup": return describeGroup(admin, group);
            case "listTransactions":
                List<Map<String, Object>> listed = new ArrayList<>();
                for (var it : admin.listTransactions().all().get())
                    listed.add(Map.of("id", it.transactionalId(), "state", it.state().toString(),
                        "producerId", it.producerId()));
                return listed;
            case "setQuota": return setQuota(admin, request);
            case "addAcl":
                ResourceType type = ResourceType.fromString(request.get("resource").asText());
                return admin.createAcls(List.of(new AclBinding(
                    new ResourcePattern(type, request.get("name").asText(), PatternType.LITERAL),
                    new AccessControlEntry("User:" + request.get("user").asText(), "*",
                        AclOperation.fromString(request.get("operation").asText()),
                        AclPermissionType.fromString(request.get("permission").asText()))))).all().get();
            default: throw new IllegalArgumentException("No such method: " + method);
        }
    }

    private static Object configure(Admin admin, String topic, Map<String, String> config) throws Exception {
        List<AlterConfigOp> changes = new ArrayList<>();
        config.forEach((k, v) -> changes.add(new AlterConfigOp(new ConfigEntry(k, v), AlterConfigOp.OpType.SET)));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        return admin.incrementalAlterConfigs(Map.of(resource, changes)).all().get();
    }

    private static List<TopicPartition> partitions(Admin admin, String topic) throws Exception {
        List<TopicPartition> found = new ArrayList<>();
        admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()
            .forEach(info -> found.add(new TopicPartition(topic, info.partition())));
        return found;
    }

    private static Object offsets(Admin admin, String topic, JsonNode request) throws Exception {
        String at = request.path("at").asText("latest");
        OffsetSpec spec = at.equals("latest") ? OffsetSpec.latest()
            : at.equals("earliest") ? OffsetSpec.earliest() : OffsetSpec.forTimestamp(Long.parseLong(at));
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        for (TopicPartition partition : partitions(admin, topic)) asked.put(partition, spec);
        Map<String, Long> found = new HashMap<>();
        var answers = admin.listOffsets(asked, new ListOffsetsOptions(isolation(request))).all().get();
        answers.forEach((partition, info) -> found.put(Integer.toString(partition.partition()), info.offset()));
        return found;
    }

    private static IsolationLevel isolation(JsonNode request) {
        return IsolationLevel.valueOf(request.path("isolation").asText("read_uncommitted").toUpperCase());
    }

    private static Object groupOffsets(Admin admin, String group) throws Exception {
        List<Map<String, Object>> found = new ArrayList<>();
        var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        offsets.forEach((partition, at) -> {
            if (at == null) return;
            found.add(Map.of("topic", partition.topic(), "partition", partition.partition(), "offset", at.offset(),
                "metadata", at.metadata(), "leaderEpoch", at.leaderEpoch().orElse(-1)));
        });
        return found;
    }

    private static Object describeGroup(Admin admin, String group) throws Exception {
        var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        List<Map<String, Object>> members = new ArrayList<>();
        for (var member : described.members()) {
            List<List<Object>> assigned = new ArrayList<>();
            for (TopicPartition it : member.assignment().topicPartitions())
                assigned.add(List.of(it.topic(), it.partition()));
            members.add(Map.of("id", member.consumerId(), "clientId", member.clientId(), "assigned", assigned));
        }
        return Map.of("state", described.groupState().toString(), "members", members);
    }

    private static Object setQuota(Admin admin, JsonNode request) throws Exception {
        Map<String, String> entity = texts(request.get("entity"));
        entity.replaceAll((type, name) -> name.isEmpty() ? null : name);
        List<ClientQuotaAlteration.Op> ops = new ArrayList<>();
        request.get("limits").fields().forEachRemaining(f -> ops.add(new ClientQuotaAlteration.Op(
            f.getKey(), f.getValue().isNull() ? null : f.getValue().asDouble())));
        return admin.alterClientQuotas(List.of(new ClientQuotaAlteration(new ClientQuotaEntity(entity), ops)))
            .all().get();
    }

    /** Sends the records of an NDJSON file, in its order; with a transaction all of them in one. */
    private static Object produce(JsonNode request) throws Exception {
        String topic = request.get("topic").asText();
        String transaction = request.path("transaction").asText(null);
        Map<String, Object> properties = client(request);
        if (transaction != null) properties.put("transactional.id", transaction);
        KafkaProducer<byte[], byte[]> producer = transaction == null ? null : OPEN.remove(transaction);
        boolean isNew = producer == null;
        if (isNew) producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
        AtomicReference<Exception> failure = new AtomicReference<>();
        long count = 0;
        try (BufferedReader lines = Files.newBufferedReader(Path.of(request.get("file").asText()))) {
            if (transaction != null && isNew) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            for (String line; (line = lines.readLine()) != null && failure.get() == null; count++)
                producer.send(record(topic, JSON.readTree(line)), (sent, thrown) -> {
                    if (thrown != null) failure.compareAndSet(null, thrown);
                });
            producer.flush();
            if (failure.get() != null) throw failure.get();
            if (request.has("offsets"))
                producer.sendOffsetsToTransaction(committed(request.get("offsets")),
                    new ConsumerGroupMetadata(request.get("group").asText()));
        } catch (Exception thrown) {
            producer.close(Duration.ZERO);
            throw thrown;
        }
        if (transaction == null) producer.close();
        else {
            OPEN.put(transaction, producer);
            if (!request.get("outcome").asText().equals("open")) endTransaction(request);
        }
        return count;
    }

    private static Object endTransaction(JsonNode request) {
        String transaction = request.get("transaction").asText();
        try (KafkaProducer<byte[], byte[]> producer = OPEN.remove(transaction)) {
            if (producer == null) throw new IllegalStateException("No transaction is open: " + transaction);
            if (request.get("outcome").asText().equals("commit")) producer.commitTransaction();
            else producer.abortTransaction();
        }
        return null;
    }

    /** Writes all records that are there now, in the order of each partition, as NDJSON. */
    private static Object consume(JsonNode request) throws Exception {
        String topic = request.get("topic").asText();
        Map<String, Object> properties = client(request);
        properties.put("isolation.level", isolation(request).toString());
        properties.put("auto.offset.reset", "none");
        properties.put("enable.auto.commit", "false");
        properties.put("fetch.max.wait.ms", "20");
        long count = 0;
        try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
                BufferedWriter out = Files.newBufferedWriter(Path.of(request.get("file").asText()))) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(it -> partitions.add(new TopicPartition(topic, it.partition())));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            long idleSinceNs = System.nanoTime();
            while (!ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue())) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    idleSinceNs = System.nanoTime();
                    if (record.offset() >= ends.get(new TopicPartition(topic, record.partition()))) continue;
                    JSON.writeValue(new Unclosed(out), row(record));
                    out.write('\n');
                    count++;
                }
                if (System.nanoTime() - idleSinceNs > 15e9)
                    throw new IllegalStateException("No record for 15 s before the ends " + ends);
            }
        }
        return count;
    }

    /** Keeps Jackson from closing the writer after each value. */
    private static final class Unclosed extends java.io.FilterWriter {
        Unclosed(java.io.Writer out) {
            super(out);
        }

        @Override
        public void close() {}

        @Override
        public void flush() {}
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, JsonNode row) {
        Integer partition = row.hasNonNull("partition") ? row.get("partition").asInt() : null;
        Long timestamp = row.hasNonNull("timestamp") ? row.get("timestamp").asLong() : null;
        var record = new ProducerRecord<>(topic, partition, timestamp, bytes(row.get("key")), bytes(row.get("value")));
        row.path("headers").forEach(it -> record.headers().add(it.get(0).asText(), bytes(it.get(1))));
        return record;
    }

    private static ObjectNode row(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode row = JSON.createObjectNode().put("partition", record.partition()).put("offset", record.offset())
            .put("timestamp", record.timestamp()).put("timestampType", record.timestampType().toString());
        row.set("key", json(record.key()));
        row.set("value", json(record.value()));
        ArrayNode headers = row.putArray("headers");
        for (Header header : record.headers()) headers.addArray().add(header.key()).add(json(header.value()));
        return row;
    }

    /** null, text, or {"base64": …} for what is no UTF-8. */
    private static JsonNode json(byte[] bytes) {
        if (bytes == null) return JSON.nullNode();
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
            return JSON.getNodeFactory().textNode(text);
        } catch (CharacterCodingException notText) {
            return JSON.createObjectNode().put("base64", Base64.getEncoder().encodeToString(bytes));
        }
    }

    private static byte[] bytes(JsonNode value) {
        if (value == null || value.isNull()) return null;
        return value.isObject() ? Base64.getDecoder().decode(value.get("base64").asText())
            : value.asText().getBytes(StandardCharsets.UTF_8);
    }

    private static Map<TopicPartition, OffsetAndMetadata> committed(JsonNode offsets) {
        Map<TopicPartition, OffsetAndMetadata> found = new HashMap<>();
        offsets.forEach(it -> found.put(new TopicPartition(it.get("topic").asText(), it.get("partition").asInt()),
            new OffsetAndMetadata(it.get("offset").asLong(), Optional.empty(), it.path("metadata").asText(""))));
        return found;
    }

    private static Map<String, String> texts(JsonNode node) {
        Map<String, String> found = new HashMap<>();
        node.fields().forEachRemaining(f -> found.put(f.getKey(), f.getValue().asText()));
        return found;
    }
}
