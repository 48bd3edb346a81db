/* The scenario with hiredis: `scenario hiredis PORT 2 SECTION…`.
 *
 * hiredis has no typed methods: it formats commands and parses replies, so a step is a
 * command line, and what is printed is the tree of replies. */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int port;
static redisContext *db;
static const char *section;
static char all_bytes[256];

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", section ? section : "start", what);
  exit(1);
}

static redisContext *connect_to_server(void) {
  struct timeval patience = {30, 0};
  redisContext *context = redisConnectWithTimeout("127.0.0.1", port, patience);
  if (context == NULL || context->err) fail(context ? context->errstr : "no memory");
  redisSetTimeout(context, patience);
  return context;
}

static void print_text(const char *bytes, size_t length) {
  int is_plain = 1;
  for (size_t index = 0; index < length; index++)
    if (bytes[index] < ' ' || bytes[index] > '~') is_plain = 0;
  putchar('"');
  if (!is_plain) printf("hex %zu ", length);
  for (size_t index = 0; index < length; index++) {
    unsigned char byte = bytes[index];
    if (!is_plain) {
      /* Long values by their ends. */
      if (index < 300 || index + 300 > length) printf("%02x", byte);
    } else {
      if (byte == '"' || byte == '\\') putchar('\\');
      putchar(byte);
    }
  }
  putchar('"');
}

static int by_text(const void *left, const void *right) {
  const redisReply *const *a = left, *const *b = right;
  return (*a)->str && (*b)->str ? strcmp((*a)->str, (*b)->str) : 0;
}

static void print_reply(const redisReply *reply) {
  switch (reply->type) {
    case REDIS_REPLY_INTEGER: printf("%lld", reply->integer); break;
    case REDIS_REPLY_NIL: printf("null"); break;
    case REDIS_REPLY_STRING: print_text(reply->str, reply->len); break;
    case REDIS_REPLY_STATUS: printf("{\"status\":"); print_text(reply->str, reply->len); putchar('}'); break;
    case REDIS_REPLY_ERROR: printf("{\"error\":"); print_text(reply->str, reply->len); putchar('}'); break;
    case REDIS_REPLY_ARRAY:
      putchar('[');
      for (size_t index = 0; index < reply->elements; index++) {
        if (index) putchar(',');
        print_reply(reply->element[index]);
      }
      putchar(']');
      break;
    default: fail("a reply of a type that RESP2 does not have");
  }
}

static void say(const char *step, redisReply *reply) {
  if (reply == NULL) fail(db->errstr);
  printf("[\"%s\",\"%s\",", section, step);
  print_reply(reply);
  printf("]\n");
  freeReplyObject(reply);
}

/* Sends a command in hiredis's notation and prints its reply. */
static void step(const char *format, ...) {
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(format, " "), format);
  va_list arguments;
  va_start(arguments, format);
  redisReply *reply = redisvCommand(db, format, arguments);
  va_end(arguments);
  say(name, reply);
}

/* A step whose reply has no order. */
static void unordered(const char *command) {
  redisReply *reply = redisCommand(db, command);
  if (reply == NULL) fail(db->errstr);
  qsort(reply->element, reply->elements, sizeof *reply->element, by_text);
  say(command, reply);
}

/* Steps without arguments of their own, as lines. */
static void steps(const char *const *lines) {
  for (; *lines; lines++) step(*lines);
}

static void get_next(redisContext *context, const char *what) {
  redisReply *reply;
  if (redisGetReply(context, (void **)&reply) != REDIS_OK) fail(context->errstr);
  say(what, reply);
}

static void server(void) {
  steps((const char *const[]){
      "PING", "ECHO hello", "CLIENT SETNAME other", "CLIENT GETNAME",
      "CONFIG SET maxmemory-samples 7", "CONFIG GET maxmemory-s*", "CONFIG SET maxmemory-samples 5",
      "DBSIZE", "COMMAND GETKEYS MSET a 1 b 2", "SELECT 3", "SET k 3", "MOVE k 0", "SWAPDB 0 3",
      "GET k", "FLUSHDB", "SELECT 0", "GET k", NULL});
}

static void strings(void) {
  steps((const char *const[]){
      "SET s value", "SET s other NX", "SET s third EX 100 GET", "GET s", "TTL s", "GET missing",
      "APPEND s !", "GETRANGE s 1 -2", "SETRANGE s 8 padded", "INCR n", "INCRBY n 41", "DECR n",
      "INCRBYFLOAT f 1.25", "MSET a 1 b 2", "MGET a missing b", "MSETNX a 3 c 4", "GETDEL a",
      "GETEX b EX 50", "SETEX e 30 v", "SETNX e v", "LCS s b IDX WITHMATCHLEN", "STRLEN s", NULL});
}

static void binary(void) {
  size_t length = 1 << 20;
  char *big = malloc(length);
  for (size_t index = 0; index < length; index++) big[index] = (char)index;
  step("SET %b %b", all_bytes, sizeof all_bytes, all_bytes, sizeof all_bytes);
  step("GET %b", all_bytes, sizeof all_bytes);
  step("SET %s %s", "", "");
  step("GET %s", "");
  step("SET crlf %s", "a\r\nb\r\n");
  step("GET crlf");
  step("SET big %b", big, length);
  step("GET big");
  step("RPUSH l %b %s %b", all_bytes, sizeof all_bytes, "", "", (size_t)1);
  step("LRANGE l 0 -1");
  free(big);
}

static void keys(void) {
  steps((const char *const[]){
      "SET k v", "EXISTS k k none", "TYPE k", "OBJECT ENCODING k", "OBJECT REFCOUNT none",
      "EXPIRE k 100", "EXPIRE k 50 GT", "PERSIST k", "PTTL none", "PEXPIREAT k 99999999999000",
      "EXPIRETIME k", "RENAME k k2", "RENAME none k", "COPY k2 k4", "DEL k2 none", "UNLINK k4",
      "RANDOMKEY", "RPUSH l 3 1 2", "SORT l", "SORT l BY w_* GET # GET v_*",
      "SORT l ALPHA DESC STORE sorted", "LRANGE sorted 0 -1", NULL});
  redisReply *dumped = redisCommand(db, "DUMP l");
  step("RESTORE m 0 %b", dumped->str, (size_t)dumped->len);
  step("RESTORE m 0 %b", dumped->str, (size_t)dumped->len);
  freeReplyObject(dumped);
  unordered("KEYS *");
}

static void hashes(void) {
  steps((const char *const[]){
      "HSET h f v a 1 b 2.5", "HGET h f", "HMGET h a none", "HGETALL h", "HGETALL none",
      "HINCRBY h a 9", "HINCRBYFLOAT h b 0.25", "HDEL h f none", "HEXISTS h a", "HKEYS h",
      "HVALS h", "HRANDFIELD h 2 WITHVALUES", "HRANDFIELD none", NULL});
}

static void lists(void) {
  steps((const char *const[]){
      "RPUSH l a b c d b", "LPUSH l z", "LRANGE l 0 -1", "LINDEX l 99", "LPOS l b",
      "LPOS l b COUNT 0", "LINSERT l BEFORE c bc", "LSET l 99 y", "LREM l -1 b",
      "LMOVE l m LEFT RIGHT", "LMPOP 2 none l LEFT COUNT 2", "LMPOP 1 none LEFT", "LPOP l 2",
      "LPOP none", "LPOP none 2", "RPOPLPUSH l m", NULL});
}

static void sets(void) {
  steps((const char *const[]){"SADD s a b c a", "SADD t b c d", "SMISMEMBER s a none", NULL});
  unordered("SMEMBERS s");
  unordered("SINTER s t");
  unordered("SUNION s t");
  unordered("SDIFF s t");
  steps((const char *const[]){"SINTERCARD 2 s t LIMIT 1", "SINTERSTORE u s t", "SMOVE s t a",
                              "SPOP none", "SPOP none 2", "SRANDMEMBER none", NULL});
}

static void sorted_sets(void) {
  steps((const char *const[]){
      "ZADD z 1 a 2.5 b 3 c", "ZADD z GT CH 5 a", "ZADD z INCR 1 a", "ZADD z XX LT INCR 1 a",
      "ZINCRBY z 0.5 b", "ZSCORE z a", "ZSCORE z none", "ZMSCORE z a none",
      "ZRANGE z 0 -1 WITHSCORES", "ZRANGE z (2 +inf BYSCORE LIMIT 0 1",
      "ZREVRANGE z 0 0 WITHSCORES", "ZRANK z none", "ZADD lex 0 a 0 b 0 c",
      "ZRANGEBYLEX lex [b +", "ZUNION 2 z lex WITHSCORES",
      "ZINTER 2 z lex AGGREGATE MAX WITHSCORES", "ZDIFF 2 z lex WITHSCORES",
      "ZUNIONSTORE u 2 z lex WEIGHTS 2 3", "ZMPOP 2 none u MIN COUNT 2", "ZMPOP 1 none MAX",
      "ZPOPMIN z", "ZPOPMAX z 2", "ZPOPMIN z", "ZADD inf -inf m +inf p 0.5 s",
      "ZRANGE inf 0 -1 WITHSCORES", NULL});
}

static void bits(void) {
  steps((const char *const[]){
      "SETBIT b 7 1", "BITCOUNT b", "BITPOS b 1", "BITOP NOT nb b",
      "BITFIELD b SET u8 0 200 OVERFLOW FAIL INCRBY u8 0 100", "PFADD p a b c", "PFCOUNT p",
      "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
      "GEODIST g Palermo Catania km", "GEOHASH g Palermo none", "GEOPOS g Palermo none",
      "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH", NULL});
}

static void errors(void) {
  steps((const char *const[]){"SET s text", "LPUSH s x", "INCR s", "NOSUCH a b", "GET",
                              "CLIENT NOSUCH", "CONFIG SET nosuch 1", "SETRANGE s -1 x",
                              "SELECT 9999", "AUTH wrong", "OBJECT ENCODING none", "PING", NULL});
}

static void pipeline(void) {
  for (int number = 0; number < 1000; number++) {
    redisAppendCommand(db, "SET p:%d %d", number, number);
    redisAppendCommand(db, "INCR p:%d", number);
    redisAppendCommand(db, "LPUSH p:%d x", number);
  }
  for (int number = 0; number < 3000; number++) get_next(db, "pipeline");
}

static void transactions(void) {
  steps((const char *const[]){"MULTI", "SET t 1", "INCR t", "ZADD z 1.5 m",
                              "ZRANGE z 0 -1 WITHSCORES", "EXEC", "MULTI", "SET t v", "INCR t",
                              "EXEC", "WATCH t", NULL});
  redisContext *other = connect_to_server();
  freeReplyObject(redisCommand(other, "SET t changed"));
  redisFree(other);
  steps((const char *const[]){"MULTI", "SET t lost", "EXEC", "UNWATCH", "MULTI", "SET t", "EXEC",
                              "MULTI", "SET t lost", "DISCARD", "EXEC", "GET t", NULL});
}

static void hear(redisContext *listener, int count) {
  while (count-- > 0) get_next(listener, "heard");
}

static void pubsub(void) {
  redisContext *listener = connect_to_server();
  redisAppendCommand(listener, "SUBSCRIBE a b");
  redisAppendCommand(listener, "PSUBSCRIBE a*");
  redisAppendCommand(listener, "SSUBSCRIBE s");
  hear(listener, 4);
  step("PUBLISH a %b", all_bytes, sizeof all_bytes);
  hear(listener, 2);
  step("PUBLISH b hello");
  step("SPUBLISH s sharded");
  hear(listener, 2);
  unordered("PUBSUB CHANNELS");
  step("PUBSUB NUMSUB a c");
  redisAppendCommand(listener, "PING still");
  redisAppendCommand(listener, "GET k");
  redisAppendCommand(listener, "UNSUBSCRIBE");
  redisAppendCommand(listener, "PUNSUBSCRIBE");
  redisAppendCommand(listener, "SUNSUBSCRIBE");
  redisAppendCommand(listener, "GET k");
  /* The channels' order in replies is the server's affair: only how many. */
  redisReply *reply;
  for (int count = 0; count < 2; count++) get_next(listener, "heard");
  for (int count = 0; count < 2; count++) {
    if (redisGetReply(listener, (void **)&reply) != REDIS_OK) fail(listener->errstr);
    printf("[\"%s\",\"left\",%lld]\n", section, reply->element[2]->integer);
    freeReplyObject(reply);
  }
  hear(listener, 3);
  redisFree(listener);
}

static void *wake(void *command) {
  redisContext *other = connect_to_server();
  int is_waiting = 0;
  while (!is_waiting) {
    redisReply *info = redisCommand(other, "INFO clients");
    is_waiting = strstr(info->str, "blocked_clients:0") == NULL;
    freeReplyObject(info);
  }
  freeReplyObject(redisCommand(other, command));
  redisFree(other);
  return NULL;
}

/* Sends a command that waits and, once it does, another from a second connection. */
static void while_waiting(const char *waits, const char *wakes) {
  pthread_t thread;
  pthread_create(&thread, NULL, wake, (void *)wakes);
  step(waits);
  pthread_join(thread, NULL);
}

static void blocking(void) {
  steps((const char *const[]){"RPUSH l a", "BLPOP none l 1", "BLPOP none 0.05", NULL});
  while_waiting("BLPOP l m 20", "RPUSH m x y");
  while_waiting("BLMOVE q r LEFT RIGHT 20", "LPUSH q moved");
  while_waiting("BRPOPLPUSH q r 20", "LPUSH q m");
  while_waiting("BZPOPMIN z 20", "ZADD z 1.5 m");
  while_waiting("BLMPOP 20 2 o n LEFT COUNT 2", "RPUSH n p q");
  while_waiting("BZMPOP 20 1 z MIN", "ZADD z 3 m");
}

/* Follows a cursor to its end; says how many different numbers below 1000 came. */
static void scanned(const char *format, int stride) {
  char cursor[32] = "0", seen[1000] = {0};
  int different = 0;
  do {
    redisReply *reply = redisCommand(db, format, cursor);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) fail(reply ? reply->str : db->errstr);
    snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
    redisReply *found = reply->element[1];
    for (size_t index = 0; index < found->elements; index += stride) {
      const char *digits = strpbrk(found->element[index]->str, "0123456789");
      int number = digits ? atoi(digits) : 0;
      if (!seen[number]++) different++;
    }
    freeReplyObject(reply);
  } while (strcmp(cursor, "0") != 0);
  printf("[\"%s\",\"%.*s\",%d]\n", section, (int)strcspn(format, " "), format, different);
}

static void scan(void) {
  for (int number = 0; number < 1000; number++) {
    redisAppendCommand(db, "SET scan:%d %d", number, number);
    redisAppendCommand(db, "HSET h m%d %d", number, number);
    redisAppendCommand(db, "SADD s %d", number);
    redisAppendCommand(db, "ZADD z %d m%d", number, number);
  }
  redisReply *reply;
  for (int count = 0; count < 4000; count++) {
    if (redisGetReply(db, (void **)&reply) != REDIS_OK) fail(db->errstr);
    freeReplyObject(reply);
  }
  scanned("SCAN %s MATCH scan:* COUNT 50", 1);
  scanned("HSCAN h %s", 2);
  scanned("SSCAN s %s COUNT 100", 1);
  scanned("ZSCAN z %s MATCH m9*", 2);
}

static void streams(void) {
  for (int number = 1; number < 6; number++)
    step("XADD x %d-1 n %d b %b", number, number, all_bytes, sizeof all_bytes);
  steps((const char *const[]){
      "XADD x 1-1 n 0", "XLEN x", "XRANGE x 2 4 COUNT 2", "XREVRANGE x + - COUNT 1",
      "XREAD COUNT 1 STREAMS x none 3-1 0", "XREAD BLOCK 20 STREAMS x $",
      "XGROUP CREATE x g 0", "XGROUP CREATE x g 0", "XGROUP CREATE y g $ MKSTREAM",
      "XREADGROUP GROUP g ann COUNT 3 STREAMS x >", "XACK x g 1-1", "XPENDING x g",
      "XCLAIM x g bob 0 2-1", "XAUTOCLAIM x g bob 0 0", "XREADGROUP GROUP none bob STREAMS x >",
      "XDEL x 2-1", "XTRIM x MAXLEN 3", "XGROUP DELCONSUMER x g bob", "XGROUP DESTROY x g", NULL});
  while_waiting("XREAD BLOCK 20000 STREAMS y $", "XADD y 9-9 k v");
  step("XREADGROUP GROUP g ann STREAMS y >");
  while_waiting("XREADGROUP GROUP g ann BLOCK 20000 STREAMS y >", "XADD y 9-10 k w");
}

static void scripts(void) {
  step("EVAL %s 1 k v", "return {1, 'two', redis.call('SET', KEYS[1], ARGV[1]), false}");
  step("EVAL %s 0 %b", "return ARGV[1]", all_bytes, sizeof all_bytes);
  step("EVAL %s 1 none", "return redis.call('HGETALL', KEYS[1])");
  step("EVAL %s 0", "return redis.error_reply('MINE words')");
  step("EVAL %s 1 k", "return redis.call('INCR', KEYS[1])");
  step("EVALSHA %s 0", "0000000000000000000000000000000000000000");
  redisReply *loaded = redisCommand(db, "SCRIPT LOAD %s", "return #KEYS");
  step("EVALSHA %s 2 a b", loaded->str);
  say("SCRIPT LOAD", loaded);
  step("SCRIPT FLUSH");
}

static const struct {
  const char *name;
  void (*play)(void);
} PARTS[] = {
    {"server", server}, {"strings", strings}, {"binary", binary}, {"keys", keys},
    {"hashes", hashes}, {"lists", lists}, {"sets", sets}, {"sorted_sets", sorted_sets},
    {"bits", bits}, {"errors", errors}, {"pipeline", pipeline}, {"transactions", transactions},
    {"pubsub", pubsub}, {"blocking", blocking}, {"scan", scan}, {"streams", streams},
    {"scripts", scripts},
};

int main(int count, char **arguments) {
  for (int index = 0; index < 256; index++) all_bytes[index] = (char)index;
  port = atoi(arguments[2]);
  db = connect_to_server();
  for (int index = 4; index < count; index++) {
    section = arguments[index];
    freeReplyObject(redisCommand(db, "FLUSHALL"));
    size_t part = 0, parts = sizeof PARTS / sizeof *PARTS;
    while (part < parts && strcmp(PARTS[part].name, section) != 0) part++;
    if (part == parts) fail("no such section");
    PARTS[part].play();
  }
  redisFree(db);
  return 0;
}
