// A work queue with go-redis: `go run work_queue.go [PORT]`, in a module that requires it.
// A job stays pending until its worker acknowledges it; what a dead one held goes to another.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Who holds a job for so long without acknowledging it is taken for dead; a minute, say.
const patience = 300 * time.Millisecond

var ctx = context.Background()

func check(err error) {
	if err != nil && !errors.Is(err, redis.Nil) { // Nil: nothing was there to read.
		panic(err)
	}
}

func take(db *redis.Client, worker string, count int64) []redis.XMessage {
	read, err := db.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "workers", Consumer: worker,
		Streams: []string{"jobs", ">"}, Count: count, Block: patience}).Result()
	check(err)
	if len(read) == 0 {
		return nil
	}
	return read[0].Messages
}

func work(db *redis.Client, worker string, done *sync.Map) {
	for {
		// What was left behind goes first.
		jobs, _, err := db.XAutoClaim(ctx, &redis.XAutoClaimArgs{Stream: "jobs", Group: "workers",
			Consumer: worker, MinIdle: patience, Start: "0", Count: 1}).Result()
		check(err)
		if len(jobs) == 0 {
			jobs = take(db, worker, 1)
		}
		for _, job := range jobs {
			done.Store(job.Values["task"], worker)
			check(db.XAck(ctx, "jobs", "workers", job.ID).Err())
		}
		pending, err := db.XPending(ctx, "jobs", "workers").Result()
		check(err)
		if len(jobs) == 0 && pending.Count == 0 {
			return
		}
	}
}

func main() {
	port := append(os.Args, "6379")[1]
	db := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})
	defer db.Close()
	check(db.Del(ctx, "jobs").Err())
	check(db.XGroupCreateMkStream(ctx, "jobs", "workers", "0").Err())
	for _, task := range []string{"resize", "convert", "mail", "print"} {
		check(db.XAdd(ctx, &redis.XAddArgs{Stream: "jobs", Values: []string{"task", task}}).Err())
	}
	held := take(db, "dead", 2) // It takes two jobs and is never heard of again.

	var done sync.Map
	var workers sync.WaitGroup
	for _, name := range []string{"ada", "ben"} {
		workers.Go(func() { work(db, name, &done) })
	}
	workers.Wait()
	var tasks []string
	done.Range(func(task, _ any) bool {
		tasks = append(tasks, task.(string))
		return true
	})
	slices.Sort(tasks)
	fmt.Println(len(held), "of a dead worker's; done:", strings.Join(tasks, " "))
}
