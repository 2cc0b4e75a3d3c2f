//! Channels that leave Stasis for the dialplan, and those that come back.

use crate::answer::{Answer, Parameters};
use crate::cause;
use crate::channel::Origin;
use crate::sim::AsteriskSim;
use crate::timer::Due;

impl AsteriskSim {
    /// `POST /channels/{id}/continue`. A context that does not exist is no error:
    /// the channel is hung up.
    pub(crate) fn continue_in_dialplan(&mut self, id: &str, p: &Parameters) -> Answer {
        if let Err(answer) = self.operable(id) {
            return answer;
        }
        let context = p.text("context").unwrap_or_default();
        self.leave_bridge(id, false);
        self.leave_stasis(id);
        let Some(service) = self.config.services.get(&context) else {
            self.tell_variable(id, "STASISSTATUS", "SUCCESS");
            self.tell_quality(id);
            if let Some(channel) = self.channels.get_mut(id) {
                channel.context = context;
            }
            self.destroy(id, cause::NORMAL, None);
            return Answer::done();
        };
        let wanted = service.seconds_variable.as_ref().and_then(|variable| {
            let channel = self.channels.get(id)?;
            channel.variables.get(variable)?.parse::<u64>().ok()
        });
        let after_ms = wanted.map_or(service.after_ms, |seconds| seconds.saturating_mul(1_000));
        let at = self.in_ms(after_ms);
        let timer = self.timers.set(at, Due::Returns(id.to_owned()));
        if let Some(channel) = self.channels.get_mut(id) {
            channel.app_name.clear();
            channel.app_data.clear();
            channel.context = context;
            channel.service = Some(timer);
            channel.nested = channel.origin == Origin::Created;
        }
        Answer::done()
    }

    /// The service is done with the channel.
    pub(crate) fn returns(&mut self, id: &str) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.service = None;
        let Some(service) = self.config.services.get(&channel.context) else {
            return;
        };
        let (application, args) = (service.application.clone(), service.args.join(","));
        self.enter_later(id, application, args, 0);
    }
}
