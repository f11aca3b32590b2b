package pages

import "time"

// lostSamples are the pages of somebody who has lost the second factor.
func lostSamples(now time.Time) map[string]Page {
	return map[string]Page{
		"recover": Recover{App: shop, Person: ada, State: RecoverBegin, Action: "/recover?i=abc", BackURL: "/signin/factor?i=abc",
			Wait: 72 * time.Hour},
		"recover_ask": Recover{Person: ada, State: RecoverAsk, BackURL: "/signin/factor?i=abc", Contact: "the help desk"},
		"recover_code": Recover{Person: ada, State: RecoverCode, Action: "/recover?i=abc&sent=1", BackURL: "/signin/factor?i=abc",
			Sent: true, Problem: "recover.wrong"},
		"recover_waiting":     Recover{Person: ada, State: RecoverWaiting, BackURL: "/signin/factor?i=abc", ReadyAt: now.Add(72 * time.Hour)},
		"recover_ready":       Recover{Person: ada, State: RecoverReady, Action: "/recover?i=abc", BackURL: "/signin/factor?i=abc", Sent: true},
		"recover_finish":      RecoverLink{Act: "finish", Action: "/recover/finish", Secret: "abc", SignInURL: "/signin"},
		"recover_finish_done": RecoverLink{Act: "finish", Done: true, SignInURL: "/signin"},
		"recover_stop":        RecoverLink{Act: "stop", Action: "/recover/stop", Secret: "abc", SignInURL: "/signin"},
		"recover_stop_done":   RecoverLink{Act: "stop", Done: true, PasswordURL: "/account/password"},
	}
}
