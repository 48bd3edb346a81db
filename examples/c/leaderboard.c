/* A leaderboard with hiredis: cc leaderboard.c -lhiredis -o leaderboard && ./leaderboard [PORT] */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

static redisReply *ask(redisContext *db, const char *command) {
  redisReply *reply = redisCommand(db, command);
  if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
    fprintf(stderr, "%s\n", reply ? reply->str : db->errstr);
    exit(1);
  }
  return reply;
}

int main(int count, char **arguments) {
  redisContext *db = redisConnect("127.0.0.1", count > 1 ? atoi(arguments[1]) : 6379);
  if (db == NULL || db->err) {
    fprintf(stderr, "%s\n", db ? db->errstr : "no memory");
    return 1;
  }
  freeReplyObject(ask(db, "DEL scores"));
  freeReplyObject(ask(db, "ZADD scores 120 ann 95 bob 140 eve"));
  freeReplyObject(ask(db, "ZINCRBY scores 30 bob"));
  redisReply *best = ask(db, "ZRANGE scores 0 1 REV WITHSCORES");
  for (size_t index = 0; index < best->elements; index++) printf("%s ", best->element[index]->str);
  redisReply *rank = ask(db, "ZREVRANK scores bob");
  printf("bob is number %lld\n", rank->integer + 1);
  freeReplyObject(best);
  freeReplyObject(rank);
  redisFree(db);
}
