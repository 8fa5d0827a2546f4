// SPDX-License-Identifier: Apache-2.0

package main

import (
	eventsapi "github.com/containerd/containerd/api/events"
)

func init() { workloads["events"] = publishAndReceive }

func publishAndReceive(a arguments) result {
	const publishers = 8
	ctx, client := a.ctx(), connect(a)
	each := a.int("n", 8000) / publishers
	received, errs := client.Subscribe(ctx, `topic=="/bench/event",namespace==`+a.get("namespace", "bench"))
	// Go does not say when the daemon has the subscription: ask until something comes.
	event := &eventsapi.NamespaceCreate{Name: "bench"}
	for ready := false; !ready; {
		check(client.EventService().Publish(ctx, "/bench/event", event))
		select {
		case <-received:
			ready = true
		case err := <-errs:
			check(err)
		default:
		}
	}
	for drained := false; !drained; {
		select {
		case <-received:
		default:
			drained = true
		}
	}

	m := newMeter()
	done := make(chan struct{})
	go func() {
		for got := 0; got < publishers*each; got++ {
			select {
			case <-received:
			case err := <-errs:
				check(err)
			}
		}
		close(done)
	}()
	inParallel(publishers, func(int) {
		service := client.EventService()
		for i := 0; i < each; i++ {
			check(service.Publish(ctx, "/bench/event", event))
		}
	})
	<-done
	return m.stop(publishers * each)
}
